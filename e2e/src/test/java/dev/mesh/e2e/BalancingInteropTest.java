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
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntUnaryOperator;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// Which hosts mesh-proxy and real Envoy send to, by one bootstrap that both take. Runs where `-Denvoy` names Envoy's
/// binary: `make interop`.
@EnabledIfSystemProperty(named = "envoy", matches = ".+")
class BalancingInteropTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    /// A proxy that listens on a port, and its admin endpoint.
    private record Running(Program program, int port, int admin) implements AutoCloseable {
        int status(String path) throws Exception {
            return get(port, path).statusCode();
        }

        String admin(String path) throws Exception {
            return get(admin, path).body();
        }

        Map<String, String> stats(String filter) throws Exception {
            return new TreeMap<>(admin("/stats?filter=" + filter)
                    .lines()
                    .filter(line -> line.contains(": "))
                    .collect(Collectors.toMap(
                            line -> line.substring(0, line.indexOf(": ")),
                            line -> line.substring(line.indexOf(": ") + 2))));
        }

        @Override
        public void close() {
            program.close();
        }
    }

    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    private static java.net.http.HttpResponse<String> get(int port, String path) throws Exception {
        return CLIENT.send(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                        .build(),
                BodyHandlers.ofString());
    }

    // The n-th request gets the n-th status.
    private static HttpServer upstream(IntUnaryOperator status) throws IOException {
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        var count = new AtomicInteger();
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/", exchange -> {
            try (exchange) {
                exchange.sendResponseHeaders(status.applyAsInt(count.getAndIncrement()), -1);
            }
        });
        server.start();
        return server;
    }

    private Running start(boolean envoy, List<HttpServer> upstreams, String cluster) throws Exception {
        int port = Fixture.freePort();
        int admin = Fixture.freePort();
        String endpoints = upstreams.stream()
                .map(server -> "{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "
                        + server.getAddress().getPort() + "}}}}")
                .collect(Collectors.joining(", "));
        Path bootstrap =
                Files.writeString(work.resolve((envoy ? "envoy" : "mesh") + ".yaml"), """
                admin: {address: {socket_address: {address: 127.0.0.1, port_value: $admin}}}
                static_resources:
                  listeners:
                  - name: main
                    address: {socket_address: {address: 127.0.0.1, port_value: $port}}
                    filter_chains:
                    - filters:
                      - name: hcm
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                          stat_prefix: main
                          http_filters: [{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
                          route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: up}}]}]}
                  clusters:
                  - name: up
                    type: STATIC
                    load_assignment: {cluster_name: up, endpoints: [{lb_endpoints: [$endpoints]}]}
                    $cluster
                """.replace("$admin", "" + admin)
                        .replace("$port", "" + port)
                        .replace("$endpoints", endpoints)
                        .replace("$cluster", cluster));
        var running = new Running(run(envoy, bootstrap), port, admin);
        await().atMost(Duration.ofSeconds(30))
                .ignoreExceptions()
                .untilAsserted(() -> assertThat(running.admin("/ready"))
                        .as(running.program::toString)
                        .contains("LIVE"));
        return running;
    }

    private Program run(boolean envoy, Path bootstrap) throws IOException {
        Path log = work.resolve(bootstrap.getFileName() + ".log");
        return envoy
                ? Program.run(
                        List.of(
                                System.getProperty("envoy", ""),
                                "-c",
                                bootstrap.toString(),
                                "--concurrency",
                                "1",
                                "--disable-hot-restart"),
                        log)
                : Program.start(
                        "mesh-proxy", "dev.mesh.proxy.boot.MeshProxy", log, List.of("-c", bootstrap.toString()));
    }

    private static final String WEB = """
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: shop}
            spec: {selector: {app: web}, ports: [{name: http, port: 8080}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: web, namespace: shop}
            spec: {host: web, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: WARMUPs}}}}
            ---
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: edge, namespace: shop}
            spec: {selector: {istio: ingressgateway}, servers: [{port: {number: EDGE, name: http, protocol: HTTP}, hosts: ["*"]}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: web, namespace: shop}
            spec: {hosts: ["*"], gateways: [edge], http: [{route: [{destination: {host: web}}]}]}
            """;

    private static void entry(Path folder, String name, HttpServer upstream) throws IOException {
        Path file = Files.writeString(folder.resolve(name + ".new"), """
                apiVersion: networking.istio.io/v1
                kind: WorkloadEntry
                metadata: {name: $name, namespace: shop}
                spec: {address: 127.0.0.1, labels: {app: web}, ports: {http: $port}}
                """.replace("$name", name)
                .replace("$port", "" + upstream.getAddress().getPort()));
        Files.move(file, folder.resolve(name + ".yaml"));
    }

    @Test
    void aNewHostGetsItsShareByAndBy() throws Exception {
        int warmup = 15; // far longer than 300 requests take
        for (boolean envoy : new boolean[] {true, false}) {
            int edge = Fixture.freePort();
            Path run = Files.createDirectory(work.resolve("run-" + envoy));
            Path folder = Files.createDirectory(run.resolve("config"));
            Files.writeString(
                    folder.resolve("mesh.yaml"), WEB.replace("EDGE", "" + edge).replace("WARMUP", "" + warmup));
            var requests = new AtomicInteger();
            var one = upstream(n -> 200);
            var young = upstream(n -> {
                requests.incrementAndGet();
                return 201;
            });
            entry(folder, "one", one);
            try (var _ = Fixture.pilot(run, folder)) {
                Path bootstrap = Fixture.bootstrap(
                        work,
                        "edge-" + envoy,
                        "router~127.0.0.1~edge.shop~shop.svc.cluster.local",
                        Files.readString(run.resolve("pilot.port")),
                        "{}");
                try (var proxy = new Running(run(envoy, bootstrap), edge, 0)) {
                    await().atMost(Duration.ofSeconds(30))
                            .ignoreExceptions()
                            .untilAsserted(() -> assertThat(proxy.status("/"))
                                    .as(proxy.program::toString)
                                    .isEqualTo(200));
                    long since = System.nanoTime();
                    await().atMost(Duration.ofSeconds(2L * warmup))
                            .until(() -> System.nanoTime() - since
                                    > Duration.ofSeconds(warmup + 1).toNanos());
                    entry(folder, "young", young);
                    await().atMost(Duration.ofSeconds(30)).until(() -> proxy.status("/") == 201);
                    int before = requests.get();
                    for (int i = 0; i < 300; i++) {
                        proxy.status("/");
                    }
                    // Never less than a tenth of the other's weight, and by far not the same yet.
                    assertThat(requests.get() - before).as("Envoy: %s", envoy).isBetween(300 / 11 - 5, 120);
                    await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
                        int earlier = requests.get();
                        for (int i = 0; i < 100; i++) {
                            proxy.status("/");
                        }
                        assertThat(requests.get() - earlier).isBetween(49, 51);
                    });
                }
            } finally {
                one.stop(0);
                young.stop(0);
            }
        }
    }

    @Test
    void aHostThatFailsMoreOftenThanTheOthersIsEjected() throws Exception {
        var names = new ArrayList<TreeSet<String>>();
        for (boolean envoy : new boolean[] {true, false}) {
            var upstreams = new ArrayList<HttpServer>();
            try {
                upstreams.add(upstream(n -> n % 2 == 0 ? 200 : 500));
                for (int i = 0; i < 4; i++) {
                    upstreams.add(upstream(n -> 200));
                }
                try (var proxy = start(
                        envoy,
                        upstreams,
                        "outlier_detection: {interval: 1s, success_rate_request_volume: 20, max_ejection_percent: 20}")) {
                    await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> {
                        for (int i = 0; i < 250; i++) {
                            proxy.status("/");
                        }
                        assertThat(proxy.stats("outlier_detection"))
                                .containsEntry("cluster.up.outlier_detection.ejections_enforced_success_rate", "1");
                    });
                    assertThat(proxy.stats("outlier_detection"))
                            .containsEntry("cluster.up.outlier_detection.ejections_active", "1")
                            .containsEntry("cluster.up.outlier_detection.ejections_enforced_total", "1")
                            .containsEntry("cluster.up.outlier_detection.ejections_detected_success_rate", "1");
                    String host =
                            "up::127.0.0.1:" + upstreams.getFirst().getAddress().getPort();
                    assertThat(proxy.admin("/clusters")).contains(host + "::health_flags::/failed_outlier_check\n");
                    for (int i = 0; i < 20; i++) {
                        assertThat(proxy.status("/")).isEqualTo(200);
                    }
                    names.add(new TreeSet<>(proxy.stats("outlier_detection").keySet()));
                    names.add(proxy.admin("/clusters")
                            .lines()
                            .filter(line -> line.contains("outlier::"))
                            .map(line -> line.substring(0, line.lastIndexOf("::")))
                            .collect(Collectors.toCollection(TreeSet::new)));
                }
            } finally {
                upstreams.forEach(server -> server.stop(0));
            }
        }
        // What Envoy calls deprecated we do not count; degraded hosts are newer than the API of v1.34.
        names.getFirst()
                .removeAll(List.of(
                        "cluster.up.outlier_detection.ejections_detected_degradation",
                        "cluster.up.outlier_detection.ejections_total",
                        "cluster.up.outlier_detection.ejections_consecutive_5xx",
                        "cluster.up.outlier_detection.ejections_success_rate"));
        assertThat(names.get(2)).isEqualTo(names.get(0));
        assertThat(names.get(3)).isEqualTo(names.get(1)).hasSize(4);
    }
}
