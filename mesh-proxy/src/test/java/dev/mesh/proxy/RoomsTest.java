package dev.mesh.proxy;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// The walls between the rooms of the proxy (ARCHITECTURE.md).
class RoomsTest {
    private static final String ROOT = "dev.mesh.proxy.";

    /// Low to high: a room may use rooms before it, never after.
    private static final List<String> ROOMS = List.of(
            "stats",
            "http",
            "stream",
            "io",
            "intercept",
            "dns",
            "tls",
            "format",
            "codec",
            "cluster",
            "filter",
            "accesslog",
            "upstream",
            "filters",
            "hcm",
            "listener",
            "load",
            "xds",
            "identity",
            "admin",
            "session",
            "agent",
            "node",
            "boot");

    /// How every reader says what is wrong; it knows nothing itself.
    private static final DescribedPredicate<JavaClass> REJECTION =
            name("dev.mesh.proxy.filter.ConfigRejected").forSubtype();

    private static final JavaClasses PROXY = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.mesh.proxy");

    private static String room(String name) {
        return ROOT + name + "..";
    }

    @Test
    void roomsLookOnlyDown() {
        for (int i = 0; i < ROOMS.size() - 1; i++) {
            String[] above = ROOMS.subList(i + 1, ROOMS.size()).stream()
                    .map(RoomsTest::room)
                    .toArray(String[]::new);
            noClasses()
                    .that()
                    .resideInAPackage(room(ROOMS.get(i)))
                    .should()
                    .dependOnClassesThat(resideInAnyPackage(above).and(DescribedPredicate.not(REJECTION)))
                    .because("a room uses only rooms below it, in the order of this list")
                    .check(PROXY);
        }
    }

    @Test
    void everyPackageIsARoom() {
        assertThat(PROXY.stream()
                        .map(found -> found.getPackageName().substring(ROOT.length()))
                        .map(name -> name.split("\\.", 2)[0])
                        .collect(Collectors.toSet()))
                .containsExactlyInAnyOrderElementsOf(ROOMS);
        assertThat(PROXY.stream()
                        .map(JavaClass::getPackageName)
                        .distinct()
                        .filter(name -> !PROXY.contain(name + ".package-info")))
                .as("packages without a package-info.java")
                .isEmpty();
    }

    @Test
    void filtersDoNotKnowEachOther() {
        slices().matching("dev.mesh.proxy.filters.(*)..")
                .should()
                .notDependOnEachOther()
                .check(PROXY);
    }

    @Test
    void envoysMessagesStayWithReaders() {
        noClasses()
                .that()
                .resideOutsideOfPackages(rooms(
                        "tls",
                        "cluster",
                        "filter",
                        "accesslog",
                        "filters",
                        "hcm",
                        "load",
                        "xds",
                        "identity",
                        "admin",
                        "agent",
                        "boot"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.envoyproxy..")
                .because("what runs knows no configuration format")
                .check(PROXY);
    }

    @Test
    void grpcStaysAtTheControlPlanesDoor() {
        noClasses()
                .that()
                .resideOutsideOfPackages(rooms("xds", "identity", "session", "agent", "boot"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.grpc..")
                .check(PROXY);
    }

    @Test
    void configurationKnowsNoChannels() {
        noClasses()
                .that()
                .resideInAnyPackage(rooms("stats", "stream", "format", "cluster", "accesslog", "load", "xds", "admin"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.netty.channel..")
                .check(PROXY);
    }

    @Test
    void nobodyKnowsThePilot() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.mesh.pilot..", "dev.mesh.cli..", "org.springframework..", "io.fabric8..")
                .check(PROXY);
    }

    private static String[] rooms(String... names) {
        return List.of(names).stream().map(RoomsTest::room).toArray(String[]::new);
    }
}
