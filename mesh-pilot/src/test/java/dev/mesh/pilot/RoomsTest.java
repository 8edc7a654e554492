package dev.mesh.pilot;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The rooms of the pilot, low to high: none knows one above it. And who may see what from outside.
class RoomsTest {
    private static final List<String> ROOMS = List.of(
            "model",
            "inject",
            "kubeconfig",
            "registry",
            "folder",
            "kube",
            "status",
            "push",
            "generate",
            "render",
            "serve",
            "session",
            "ca",
            "webhook",
            "admin",
            "boot");
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.mesh.pilot");

    private static String room(String name) {
        return "dev.mesh.pilot." + name + "..";
    }

    private static String[] rooms(List<String> names) {
        return names.stream().map(RoomsTest::room).toArray(String[]::new);
    }

    @Test
    void noRoomKnowsAHigherOne() {
        for (int i = 0; i + 1 < ROOMS.size(); i++) {
            noClasses()
                    .that(resideInAPackage(room(ROOMS.get(i))))
                    .should()
                    .dependOnClassesThat(resideInAnyPackage(rooms(ROOMS.subList(i + 1, ROOMS.size()))))
                    .check(CLASSES);
        }
    }

    @Test
    void thePureMiddleSeesNoServerNoFrameworkAndNoClock() {
        noClasses()
                .that(resideInAnyPackage(rooms(List.of("model", "inject", "generate"))))
                .should()
                .dependOnClassesThat(resideInAnyPackage(
                        "io.grpc..", "org.springframework..", "io.netty..", "java.nio.file..", "java.time.Clock"))
                .check(CLASSES);
    }

    @Test
    void springIsForTheHttpPortAndTheCompositionRoot() {
        noClasses()
                .that(not(resideInAnyPackage(rooms(List.of("admin", "boot")))))
                .should()
                .dependOnClassesThat(resideInAnyPackage("org.springframework..", "io.micrometer.."))
                .check(CLASSES);
    }

    @Test
    void envoysMessagesAreForThoseWhoMakeAndSendThem() {
        noClasses()
                .that(not(resideInAnyPackage(rooms(List.of("generate", "serve", "render")))))
                .should()
                .dependOnClassesThat(resideInAPackage("io.envoyproxy.."))
                .check(CLASSES);
    }

    @Test
    void theKubernetesClientIsForThoseWhoSpeakToTheApiServer() {
        noClasses()
                .that(not(resideInAnyPackage(rooms(List.of("kubeconfig", "kube", "status", "ca", "webhook", "boot")))))
                .should()
                .dependOnClassesThat(resideInAPackage("io.fabric8.."))
                .check(CLASSES);
    }

    @Test
    void grpcIsForThoseWhoServe() {
        noClasses()
                .that(not(resideInAnyPackage(rooms(List.of("serve", "session", "ca", "boot")))))
                .should()
                .dependOnClassesThat(resideInAPackage("io.grpc.."))
                .check(CLASSES);
    }
}
