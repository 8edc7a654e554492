package dev.mesh.cli;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/// The rooms of meshctl.
class RoomsTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.mesh.cli");

    @Test
    void nobodyKnowsTheCommandsButMeshctl() {
        noClasses()
                .that(resideInAnyPackage("dev.mesh.cli.client..", "dev.mesh.cli.render..", "dev.mesh.cli.local.."))
                .should()
                .dependOnClassesThat(resideInAPackage("dev.mesh.cli.command.."))
                .check(CLASSES);
    }

    @Test
    void meshctlMeetsPilotAndProxyOnTheWireOnly() {
        noClasses()
                .should()
                .dependOnClassesThat(resideInAnyPackage("dev.mesh.pilot..", "dev.mesh.proxy.."))
                .check(CLASSES);
    }
}
