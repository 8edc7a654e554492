package dev.mesh.pilot.folder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.LeftAside;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.PushContextBuilder;
import dev.mesh.pilot.registry.Registry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Istio's published samples as they are, where they lie beside this repository: each alone, and together as Istio's
/// tasks apply them.
class PublishedSamplesTest {
    private static final Path SAMPLES = samples();
    private static final String BOOKINFO = "bookinfo/platform/kube/bookinfo.yaml";
    private static final String GATEWAY = "bookinfo/networking/bookinfo-gateway.yaml";
    private static final String SUBSETS = "bookinfo/networking/destination-rule-all.yaml";

    @TempDir
    private Path work;

    private final Registry registry = new Registry();

    private PushContext load(String... files) throws IOException {
        assumeThat(SAMPLES).exists();
        Path folder = Files.createTempDirectory(work, "mesh");
        for (String file : files) {
            Files.copy(SAMPLES.resolve(file), folder.resolve(file.replace('/', '-')));
        }
        try (var source = new FolderSource(folder, registry, () -> {})) {
            source.read();
        }
        return PushContextBuilder.build(1, registry.objects());
    }

    private List<Finding> errors(PushContext push) {
        var all = new ArrayList<>(registry.findings());
        all.addAll(registry.duplicates());
        all.addAll(push.findings());
        return all.stream()
                .filter(finding -> finding.severity() == Finding.Severity.ERROR)
                .toList();
    }

    private static List<String> all(String folder) throws IOException {
        assumeThat(SAMPLES).exists();
        try (var files = Files.walk(SAMPLES.resolve(folder))) {
            return files.filter(file -> file.toString().endsWith(".yaml"))
                    .map(file -> SAMPLES.relativize(file).toString())
                    .sorted()
                    .toList();
        }
    }

    @Test
    void eachLoadsAlone() throws IOException {
        var files = all("");
        assertThat(files).hasSizeGreaterThan(30);
        for (String file : files) {
            assertThat(errors(load(file))).as(file).isEmpty();
            registry.origins().forEach(registry::remove);
        }
    }

    @Test
    void eachTaskLoadsWithTheApplication() throws IOException {
        for (String task : all("bookinfo/networking")) {
            var files = new ArrayList<>(List.of(BOOKINFO, "bookinfo/platform/kube/bookinfo-versions.yaml", GATEWAY));
            // Those that bring subsets of their own are applied instead of the others.
            if (!task.contains("destination-rule") && !task.contains("fault-injection-details")) {
                files.add(SUBSETS);
            }
            if (!files.contains(task)) {
                files.add(task);
            }
            assertThat(errors(load(files.toArray(String[]::new)))).as(task).isEmpty();
            registry.origins().forEach(registry::remove);
        }
    }

    @Test
    void theOtherSamplesLoadAsTheirTasksApplyThem() throws IOException {
        assertThat(errors(load("helloworld/helloworld.yaml", "helloworld/helloworld-gateway.yaml")))
                .isEmpty();
        assertThat(errors(load("tcp-echo/tcp-echo-services.yaml", "tcp-echo/tcp-echo-all-v1.yaml")))
                .isEmpty();
        assertThat(errors(load("tcp-echo/tcp-echo-services.yaml", "tcp-echo/gateway-api/tcp-echo-all-v1.yaml")))
                .isEmpty();
    }

    @Test
    void whatIsNoPartOfTheMeshIsCounted() throws IOException {
        load(BOOKINFO, "bookinfo/platform/kube/bookinfo-ingress.yaml", "tcp-echo/gateway-api/tcp-echo-all-v1.yaml");

        assertThat(LeftAside.summary(registry.findings()))
                .isEqualTo("4 ServiceAccounts, 6 Deployments (apps), 1 Gateway (gateway.networking.k8s.io),"
                        + " 1 TCPRoute (gateway.networking.k8s.io), 1 Ingress (networking.k8s.io)");
    }

    /// All at once, as nobody should: every object that stands twice is told, and the first counts.
    @Test
    void everythingAtOnceIsToldAndHarmsNothing() throws IOException {
        var files = new ArrayList<>(all("bookinfo"));
        files.addAll(all("helloworld"));
        files.addAll(all("tcp-echo"));

        var push = load(files.toArray(String[]::new));

        assertThat(errors(push)).isNotEmpty().allMatch(finding -> finding.code() == Finding.Code.DUPLICATE_OBJECT);
        assertThat(push.virtualServices()).extracting(PushContext.Rule::name).doesNotHaveDuplicates();
    }

    @Test
    void aTlsModeThatCannotBeGivenIsAWarning() throws IOException {
        var push = load(BOOKINFO, "bookinfo/networking/destination-rule-all-mtls.yaml");

        assertThat(push.findings())
                .filteredOn(finding -> finding.code() == Finding.Code.NOT_HONOURED_FAILS_CLOSED)
                .hasSize(4);
        assertThat(errors(push)).isEmpty();
    }

    // Beside this repository, or beside the folder of a worktree of it.
    private static Path samples() {
        Path folder = Path.of("").toAbsolutePath();
        while (folder.getParent() != null && !Files.exists(folder.resolve("shared/samples/istio"))) {
            folder = folder.getParent();
        }
        return folder.resolve("shared/samples/istio");
    }
}
