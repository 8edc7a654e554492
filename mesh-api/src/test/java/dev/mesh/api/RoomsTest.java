package dev.mesh.api;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/// The walls between the rooms of what all programs share.
class RoomsTest {
    private static final String GENERATED = "dev.mesh.api.proto..";

    private static final JavaClasses API = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.mesh.api");

    @Test
    void onlyTheCompilerSeesEnvoysMessages() {
        noClasses()
                .that()
                .resideOutsideOfPackages("dev.mesh.api.decide.compile..", GENERATED)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.envoyproxy..")
                .check(API);
    }

    @Test
    void decidingIsPure() {
        noClasses()
                .that()
                .resideInAPackage("dev.mesh.api.decide..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.netty..",
                        "io.grpc..",
                        "java.nio.file..",
                        "java.nio.channels..",
                        "java.net.http..",
                        "java.sql..")
                .check(API);
        noClasses()
                .that()
                .resideInAPackage("dev.mesh.api.decide..")
                .should()
                .dependOnClassesThat()
                .haveNameMatching(
                        "java\\.(io\\.(File|RandomAccess).*|net\\.(Socket|ServerSocket|DatagramSocket|URLConnection)|lang\\.Thread|util\\.Timer|time\\.Clock)")
                .because("time, randomness and I/O are parameters")
                .check(API);
    }

    @Test
    void whatDecidesDoesNotKnowWhatItWasCompiledFrom() {
        noClasses()
                .that()
                .resideInAPackage("dev.mesh.api.decide")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.mesh.api.decide.compile..", "dev.mesh.api.decide.explain..")
                .check(API);
    }

    @Test
    void roomsFormNoCircle() {
        slices().matching("dev.mesh.api.(*)..").should().beFreeOfCycles().check(API);
    }

    @Test
    void programsAreNotKnownHere() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "dev.mesh.pilot..",
                        "dev.mesh.proxy..",
                        "dev.mesh.cli..",
                        "org.springframework..",
                        "io.fabric8..")
                .check(API);
    }

    @Test
    void everyPackageSaysWhatItIsFor() {
        assertThat(API.stream()
                        .map(JavaClass::getPackageName)
                        .distinct()
                        .filter(name -> !name.startsWith("dev.mesh.api.proto"))
                        .filter(name -> !API.contain(name + ".package-info")))
                .as("packages without a package-info.java")
                .isEmpty();
    }
}
