package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import com.google.protobuf.Any;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.io.Loops;
import dev.mesh.proxy.load.Loader;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/// Whatever the pilot can generate, the proxy takes: every resource of every golden case is checked as one that came
/// over ADS, without a port being bound.
@NullUnmarked
class GoldenTest {
    private static final Path GOLDEN = Path.of("../mesh-pilot/src/test/resources/golden");

    @TempDir
    private static Path work;

    private static Loops loops;

    // Secrets come from the control plane too.
    private static final Bootstrap ASKS = Bootstrap.newBuilder()
            .setDynamicResources(Bootstrap.DynamicResources.getDefaultInstance())
            .build();

    @BeforeAll
    static void makesCertificates() throws Exception {
        loops = new Loops(1);
        var certificates = new Certificates(work.resolve("certs"));
        for (String name : List.of("a", "b", "client")) {
            certificates.sign(name, name + ".example");
        }
        certificates.revocations("ca.crl");
        // As the golden cases call it.
        Files.copy(work.resolve("certs/client.key"), work.resolve("certs/key.pem"));
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    static Stream<Path> views() throws IOException {
        try (var files = Files.walk(GOLDEN)) {
            return files
                    .filter(file -> file.toString().endsWith(".yaml"))
                    .filter(file -> !List.of("config.yaml", "nodes.yaml", "mesh.yaml")
                            .contains(file.getFileName().toString()))
                    // Listeners without an address are for gRPC libraries.
                    .filter(file -> !read(file).contains("api_listener:"))
                    .sorted()
                    .toList()
                    .stream();
        }
    }

    @ParameterizedTest
    @MethodSource("views")
    void theProxyTakesIt(Path file) throws Exception {
        String text = read(file)
                .replace("/etc/ssl/certs/ca-certificates.crt", "/certs/ca.pem")
                .replace("/certs/", work + "/certs/");
        var resources = (Map<?, ?>) new Load(LoadSettings.builder().build()).loadFromString(text);
        var reasons = new ArrayList<String>();
        int checked = 0;
        try (var proxy = new ProxyProcess(ASKS, loops)) {
            var loader = proxy.loader();
            // What belongs to a later push than the last that ended is checked and kept, not activated.
            loader.commit("first");
            for (XdsType type : XdsType.values()) {
                if (!(resources.get(type.shortName()) instanceof List<?> list)) {
                    continue;
                }
                var updates = new ArrayList<Loader.Update>();
                for (Object resource : list) {
                    Any body = any(resource);
                    updates.add(new Loader.Update(name(type, resource), "1", body));
                }
                checked += updates.size();
                reasons.addAll(loader.apply(type, updates, List.of(), false, "second"));
            }
        }
        assertThat(reasons).isEmpty();
        assertThat(checked).isPositive();
    }

    private static Any any(Object tree) throws IOException {
        var any = Any.newBuilder();
        JsonFormat.parser().usingTypeRegistry(EnvoyTypes.REGISTRY).merge(new Gson().toJson(tree), any);
        return any.build();
    }

    private static String name(XdsType type, Object tree) {
        var fields = (Map<?, ?>) tree;
        return String.valueOf(fields.get(type == XdsType.ENDPOINT ? "cluster_name" : "name"));
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
