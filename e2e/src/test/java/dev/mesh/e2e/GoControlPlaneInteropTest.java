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
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// mesh-proxy under a control plane that is not ours: go-control-plane's snapshot cache, in both dialects. Runs
/// where `-Dgo-control-plane` names its program (`scripts/go-control-plane` builds it): `make interop`.
class GoControlPlaneInteropTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    @ParameterizedTest(name = "{0}")
    @CsvSource({"DELTA_GRPC, delta", "GRPC, sotw"})
    void takesASnapshotAndFollowsItsChanges(String apiType, String dialect) throws Exception {
        String binary = System.getProperty("go-control-plane", "");
        Assumptions.assumeFalse(
                binary.isEmpty(), "no Go control plane: scripts/go-control-plane could not build it (Go is missing)");
        HttpServer one = application("one");
        HttpServer two = application("two");
        int front = Fixture.freePort();
        int admin = Fixture.freePort();
        try (var plane = Program.run(List.of(binary), work.resolve("plane.log"))) {
            var ports = Pattern.compile("xds ([0-9]+) control ([0-9]+)");
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> ports.matcher(plane.output()).find() || !plane.isAlive());
            var found = ports.matcher(plane.output());
            assertThat(found.find()).as(plane::toString).isTrue();
            String control = "http://127.0.0.1:" + found.group(2);
            snapshot(control, "1", front, "first", one, "/a/", false);
            Path bootstrap = Files.writeString(work.resolve("bootstrap.yaml"), """
                    node: {id: n1, cluster: c1}
                    admin: {address: {socket_address: {address: 127.0.0.1, port_value: $admin}}}
                    dynamic_resources:
                      ads_config: {api_type: $type, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: xds}}]}
                      lds_config: {ads: {}}
                      cds_config: {ads: {}}
                    static_resources:
                      clusters:
                      - name: xds
                        type: STATIC
                        load_assignment: {cluster_name: xds, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $xds}}}}]}]}
                        typed_extension_protocol_options:
                          envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                            "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                            explicit_http_config: {http2_protocol_options: {}}
                    """.replace("$type", apiType)
                    .replace("$xds", found.group(1))
                    .replace("$admin", "" + admin));
            try (var proxy = Program.start(
                    "mesh-proxy",
                    "dev.mesh.proxy.boot.MeshProxy",
                    work.resolve("proxy.log"),
                    List.of("-c", bootstrap.toString(), "--concurrency", "1"))) {
                String url = "http://127.0.0.1:" + front + "/x";
                awaitAnswer(proxy, url, "one /a/x");

                // Endpoints move; then the route; then both, with a new cluster, and the old one goes.
                snapshot(control, "2", front, "first", two, "/a/", false);
                awaitAnswer(proxy, url, "two /a/x");
                snapshot(control, "3", front, "first", two, "/b/", false);
                awaitAnswer(proxy, url, "two /b/x");
                snapshot(control, "4", front, "second", one, "/c/", false);
                awaitAnswer(proxy, url, "one /c/x");
                await().atMost(Duration.ofSeconds(20))
                        .untilAsserted(() -> assertThat(get("http://127.0.0.1:" + admin + "/clusters"))
                                .contains("second::")
                                .doesNotContain("first::"));

                // A listener that cannot be used is refused with its reason, and traffic goes on.
                snapshot(control, "5", front, "second", one, "/c/", true);
                await().atMost(Duration.ofSeconds(10))
                        .untilAsserted(() -> assertThat(get(control + "/log"))
                                .containsPattern(dialect + " type.googleapis.com/envoy.config.listener.v3.Listener"
                                        + " nack front: .*nobody.knows.This"));
                assertThat(get(url)).isEqualTo("one /c/x");
                snapshot(control, "6", front, "second", two, "/d/", false);
                awaitAnswer(proxy, url, "two /d/x");
                // go-control-plane's state-of-the-world side sends what was refused again at once: no spinning.
                assertThat(get(control + "/log").lines().filter(line -> line.contains(" nack ")))
                        .hasSizeBetween(1, 5)
                        .allMatch(line -> line.contains("v3.Listener "));
                assertThat(get(control + "/log").lines()).allMatch(line -> line.startsWith(dialect + " "));
            }
        } finally {
            one.stop(0);
            two.stop(0);
            http.close();
        }
    }

    private static HttpServer application(String name) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 16);
        server.createContext("/", exchange -> {
            byte[] answer = (name + " " + exchange.getRequestURI()).getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        return server;
    }

    private void snapshot(
            String control, String version, int front, String cluster, HttpServer to, String rewrite, boolean bad)
            throws IOException, InterruptedException {
        String body = """
                {"version": "%s", "node": "n1", "listener": %d, "cluster": "%s", "upstream": %d, "rewrite": "%s", "bad": %s}""".formatted(version, front, cluster, to.getAddress().getPort(), rewrite, bad);
        var response = http.send(
                HttpRequest.newBuilder(URI.create(control + "/snapshot"))
                        .POST(HttpRequest.BodyPublishers.ofString(body))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    }

    private void awaitAnswer(Program proxy, String url, String answer) {
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(get(url)).as(proxy::toString).isEqualTo(answer));
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
