package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Real Envoy under our pilot. Runs where `-Denvoy` names its binary: `make interop`.
@EnabledIfSystemProperty(named = "envoy", matches = ".+")
class EnvoyInteropTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    @ParameterizedTest
    @ValueSource(strings = {"DELTA_GRPC", "GRPC"})
    void envoyTakesTheConfigurationWithoutARejectionAndRoutesByIt(String dialect) throws Exception {
        HttpServer application = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 16);
        application.createContext("/", exchange -> {
            byte[] answer = ("web-v1 " + exchange.getRequestURI()).getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        application.start();
        int edge = Fixture.freePort();
        int inbound = Fixture.freePort();
        Path folder = Files.createDirectory(work.resolve("config"));
        String text = Fixture.configuration(edge, inbound);
        Files.writeString(folder.resolve("web.yaml"), text);
        try (var _ = Fixture.pilot(work, folder)) {
            String xds = Files.readString(work.resolve("pilot.port"));
            Path gateway =
                    Fixture.bootstrap(work, "edge", "router~127.0.0.1~edge.shop~shop.svc.cluster.local", xds, "{}");
            Path sidecar = Fixture.bootstrap(
                    work,
                    "side",
                    "sidecar~127.0.1.21~web-v1.shop~shop.svc.cluster.local",
                    xds,
                    "{\"" + inbound + "\": " + application.getAddress().getPort() + "}");
            for (Path bootstrap : List.of(gateway, sidecar)) {
                Files.writeString(bootstrap, Files.readString(bootstrap).replace("DELTA_GRPC", dialect));
            }
            try (var one = envoy(gateway);
                    var two = envoy(sidecar)) {
                String base = "http://127.0.0.1:" + edge;
                await().atMost(Duration.ofSeconds(30))
                        .untilAsserted(() -> assertThat(get(base + "/page?x=1"))
                                .as(() -> one + "\n" + two)
                                .isEqualTo("web-v1 /page?x=1"));
                assertThat(get(base + "/version")).isEqualTo("one");
                Files.writeString(folder.resolve("web.yaml"), text.replace("string: one", "string: two"));
                await().atMost(Duration.ofSeconds(10))
                        .untilAsserted(() -> assertThat(get(base + "/version")).isEqualTo("two"));
                for (Path bootstrap : List.of(gateway, sidecar)) {
                    String rejected = get("http://127.0.0.1:" + adminPort(bootstrap) + "/stats?filter=update_rejected");
                    assertThat(rejected.lines())
                            .isNotEmpty()
                            .allMatch(line -> line.endsWith(": 0"), "nothing was rejected: " + rejected);
                }
            }
        } finally {
            application.stop(0);
            http.close();
        }
    }

    private Program envoy(Path bootstrap) throws IOException {
        return Program.run(
                List.of(
                        System.getProperty("envoy", ""),
                        "-c",
                        bootstrap.toString(),
                        "--concurrency",
                        "1",
                        "--disable-hot-restart"),
                work.resolve(bootstrap.getFileName() + ".log"));
    }

    private static String adminPort(Path bootstrap) throws IOException {
        var port = Pattern.compile("admin: .*port_value: ([0-9]+)").matcher(Files.readString(bootstrap));
        assertThat(port.find()).isTrue();
        return port.group(1);
    }

    private String get(String url) {
        try {
            return http.send(
                            HttpRequest.newBuilder(URI.create(url))
                                    .timeout(Duration.ofSeconds(5))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString())
                    .body();
        } catch (IOException e) {
            return e.toString();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return e.toString();
        }
    }
}
