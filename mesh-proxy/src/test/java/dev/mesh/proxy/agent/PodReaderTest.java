package dev.mesh.proxy.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.proxy.filter.ConfigRejected;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Pods as folders: `agent/X/environment` (and `labels`, `annotations`) in, `bootstrap.json` and `settings`, or
/// `mistakes`, out. `-Dgolden=rewrite` writes what comes out anew.
class PodReaderTest {
    private static final Path FOLDER = Path.of("src/test/resources/agent");

    private static final List<String> READ = List.of("/etc", "/proc/net");

    static Stream<String> pods() throws IOException {
        try (var files = Files.list(FOLDER)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList().stream();
        }
    }

    /// The first line is the role, each other `NAME=value`.
    private static PodSettings read(Path pod) throws IOException, ConfigRejected {
        List<String> lines = Files.readAllLines(pod.resolve("environment"));
        var environment = new LinkedHashMap<String, String>();
        for (String line : lines.subList(1, lines.size())) {
            int equals = line.indexOf('=');
            environment.put(line.substring(0, equals), line.substring(equals + 1));
        }
        return PodReader.read(new PodReader.Arguments(lines.getFirst(), "", null, ""), environment, file -> {
            Path given = pod.resolve(file.getFileName());
            return READ.stream().anyMatch(file::startsWith) && Files.exists(given) ? Files.readString(given) : null;
        });
    }

    private static void compare(Path file, String said) throws IOException {
        if ("rewrite".equals(System.getProperty("golden"))) {
            Files.writeString(file, said);
        }
        assertThat(said).isEqualTo(Files.readString(file));
    }

    @ParameterizedTest
    @MethodSource("pods")
    void isReadAsExpected(String name) throws Exception {
        Path pod = FOLDER.resolve(name);
        try {
            PodSettings settings = read(pod);
            assertThat(pod.resolve("mistakes")).doesNotExist();
            compare(
                    pod.resolve("bootstrap.json"),
                    JsonFormat.printer()
                                    .usingTypeRegistry(EnvoyTypes.REGISTRY)
                                    .preservingProtoFieldNames()
                                    .print(settings.bootstrap())
                            + "\n");
            compare(pod.resolve("settings"), summary(settings));
        } catch (ConfigRejected e) {
            compare(pod.resolve("mistakes"), String.join("\n", e.reasons()) + "\n");
            assertThat(pod.resolve("settings")).doesNotExist();
        }
    }

    private static String summary(PodSettings settings) {
        var text = new StringBuilder();
        text.append("concurrency: ").append(settings.concurrency()).append('\n');
        text.append("identity: ").append(settings.identity()).append('\n');
        text.append("interceptedPorts: ").append(settings.interceptedPorts()).append('\n');
        text.append("ports: ").append(settings.ports()).append('\n');
        settings.probes()
                .forEach((path, probe) ->
                        text.append(path).append(": ").append(probe).append('\n'));
        text.append("metrics: ").append(settings.metrics()).append('\n');
        text.append("ending: ").append(settings.ending()).append('\n');
        if (settings.dns() != null) {
            text.append("dns: ").append(settings.dns()).append('\n');
        }
        settings.remarks()
                .forEach(remark -> text.append("remark: ").append(remark).append('\n'));
        return text.toString();
    }

    @Test
    void aCommandLineCountsMoreThanTheEnvironment() throws Exception {
        var environment = Map.of(
                "POD_NAME", "a",
                "POD_NAMESPACE", "shop",
                "INSTANCE_IP", "10.0.0.1",
                "SERVICE_ACCOUNT", "a",
                "ISTIO_CPU_LIMIT", "4",
                "PROXY_CONFIG", "{\"concurrency\": 3}");

        var settings = PodReader.read(
                new PodReader.Arguments("sidecar", "shop.svc.example", 0, "edge"), environment, file -> null);

        assertThat(settings.concurrency()).isZero();
        assertThat(settings.bootstrap().getNode().getId()).isEqualTo("sidecar~10.0.0.1~a.shop~shop.svc.example");
        assertThat(settings.bootstrap().getNode().getCluster()).isEqualTo("edge");
    }

    @Test
    void textsAreReadAsGoWritesThem() {
        assertThat(GoText.unquote("\"a\\\"b\\\\c\\n\\tü\\u00fc\\xc3\\xbc\"")).isEqualTo("a\"b\\c\n\tüüü");
        assertThat(GoText.unquote("\"a")).isNull();
        assertThat(GoText.unquote("\"\\q\"")).isNull();
        assertThat(GoText.unquote("\"a\"b\"")).isNull();
        assertThat(GoText.unquote("\"\\U00110000\"")).isNull();
    }
}
