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
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// YAML in a folder, pilot and proxies as processes, a request through edge and sidecar.
class LocalMeshTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    @Test
    void aRequestGoesThroughEdgeAndSidecarAndAnEditedRouteTakesEffectWithoutAFailure() throws Exception {
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

        try (var pilot = Fixture.pilot(work, folder)) {
            String xds = Files.readString(work.resolve("pilot.port"));
            Path gateway =
                    Fixture.bootstrap(work, "edge", "router~127.0.0.1~edge.shop~shop.svc.cluster.local", xds, "{}");
            Path sidecar = Fixture.bootstrap(
                    work,
                    "side",
                    "sidecar~127.0.1.21~web-v1.shop~shop.svc.cluster.local",
                    xds,
                    "{\"" + inbound + "\": " + application.getAddress().getPort() + "}");
            try (var proxies = Program.start(
                    "mesh-proxy",
                    "dev.mesh.proxy.boot.MeshProxy",
                    work.resolve("proxy.log"),
                    List.of("-c", gateway.toString(), "-c", sidecar.toString()))) {
                String base = "http://127.0.0.1:" + edge;
                await().atMost(Duration.ofSeconds(30))
                        .untilAsserted(() -> assertThat(body(base + "/page?x=1"))
                                .as(proxies::toString)
                                .isEqualTo("web-v1 /page?x=1"));
                assertThat(body(base + "/version")).isEqualTo("one");

                var failures = new AtomicInteger();
                var requests = new AtomicInteger();
                var stop = new AtomicBoolean();
                var load = Thread.ofVirtual().start(() -> {
                    while (!stop.get()) {
                        requests.incrementAndGet();
                        if (!body(base + "/page").equals("web-v1 /page")) {
                            failures.incrementAndGet();
                        }
                    }
                });
                Files.writeString(folder.resolve("web.yaml"), text.replace("string: one", "string: two"));
                await().atMost(Duration.ofSeconds(10))
                        .untilAsserted(() -> assertThat(body(base + "/version")).isEqualTo("two"));
                Files.writeString(folder.resolve("web.yaml"), text.replace("hosts: [\"*\"]\n", "hosts: [\"*\"\n"));
                Files.writeString(folder.resolve("more.yaml"), "spec: [");
                await().atMost(Duration.ofSeconds(10))
                        .until(() -> pilot.output().contains("more.yaml:1"));
                assertThat(body(base + "/version")).isEqualTo("two");
                stop.set(true);
                load.join();
                assertThat(requests.get()).isPositive();
                assertThat(failures.get()).isZero();
            }
        } finally {
            application.stop(0);
            http.close();
        }
    }

    private String body(String url) {
        try {
            var answer = http.send(
                    HttpRequest.newBuilder(URI.create(url))
                            .timeout(Duration.ofSeconds(5))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            return answer.statusCode() == 200 ? answer.body() : answer.statusCode() + " " + answer.body();
        } catch (IOException e) {
            return e.toString();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return e.toString();
        }
    }
}
