package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Fields of clusters and of their load assignments: what they do, and that none is ignored.
@NullUnmarked
@Timeout(60)
class ClusterFieldsTest {
    @TempDir
    private static Path work;

    private static Loops loops;

    @BeforeAll
    static void startLoops() {
        loops = new Loops(1);
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    private static final String REQUEST = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    // Takes the place of the assignment that LiveProxy writes: the last of two equal keys would be an error in YAML.
    private static String cluster(String name, String assignment) {
        return "  - {name: " + name + ", type: STATIC, load_assignment: {cluster_name: " + name + ", " + assignment
                + "}}\n";
    }

    private static LiveProxy proxy(String clusters) throws ConfigRejected {
        return LiveProxy.with().clusters(clusters).start(loops);
    }

    private static String ask(LiveProxy proxy, String header) throws Exception {
        try (var peer = proxy.connect()) {
            return peer.write(REQUEST.replace("Connection", header + "Connection"))
                    .readAll();
        }
    }

    private static String ask(LiveProxy proxy) throws Exception {
        return ask(proxy, "");
    }

    @Test
    void anEndpointMayBeAUnixDomainSocket() throws Exception {
        Path file = work.resolve("app.sock");
        var heads = new LinkedBlockingQueue<String>();
        try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(file));
            Thread.ofVirtual().start(() -> {
                try (var accepted = server.accept()) {
                    var bytes = ByteBuffer.allocate(4096);
                    accepted.read(bytes);
                    heads.add(new String(bytes.array(), 0, bytes.position(), StandardCharsets.ISO_8859_1));
                    accepted.write(ByteBuffer.wrap(
                            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nunix".getBytes(StandardCharsets.ISO_8859_1)));
                    accepted.read(bytes.clear());
                } catch (java.io.IOException e) {
                    heads.add(e.toString());
                }
            });
            try (var proxy = proxy(cluster(
                    "up", "endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: \"" + file + "\"}}}}]}]"))) {
                assertThat(ask(proxy)).startsWith("HTTP/1.1 200").endsWith("unix");
                assertThat(heads.take()).startsWith("GET / HTTP/1.1\r\n");
            }
        }
        try (var proxy = proxy(cluster(
                "up",
                "endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: \"" + work.resolve("none")
                        + "\"}}}}]}]"))) {
            assertThat(ask(proxy)).startsWith("HTTP/1.1 503");
        }
    }

    @Test
    void aHeaderNamesTheHostWhereTheClusterSaysSo() throws Exception {
        String original = "  - {name: up, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, ";
        try (var upstream = ScriptedUpstream.answering("ok")) {
            String header = "x-envoy-original-dst-host: 127.0.0.1:" + upstream.port() + "\r\n";
            try (var proxy = proxy(original + "original_dst_lb_config: {use_http_header: true}}\n")) {
                assertThat(ask(proxy, header)).startsWith("HTTP/1.1 200").endsWith("ok");
                assertThat(ask(proxy, "x-envoy-original-dst-host: somewhere\r\n"))
                        .startsWith("HTTP/1.1 503")
                        .endsWith("no healthy upstream");
                assertThat(ask(proxy)).startsWith("HTTP/1.1 503").endsWith("no healthy upstream");
            }
            try (var proxy = proxy(original + "original_dst_lb_config: {use_http_header: true,"
                    + " http_header_name: X-Host, upstream_port_override: " + upstream.port() + "}}\n")) {
                assertThat(ask(proxy, "x-host: 127.0.0.1:1\r\n")).startsWith("HTTP/1.1 200");
                assertThat(ask(proxy, header)).startsWith("HTTP/1.1 503");
            }
            try (var proxy = proxy(original + "connect_timeout: 1s}\n")) {
                assertThat(ask(proxy, header)).startsWith("HTTP/1.1 503");
            }
        }
    }

    @Test
    void whereTheClientWasGoingIsTheOnlyHost() {
        assertThatThrownBy(() -> proxy("""
                  - {name: up, type: ORIGINAL_DST, load_assignment: {cluster_name: up}, cleanup_interval: 0s}
                  - {name: other, type: STATIC, lb_policy: CLUSTER_PROVIDED, original_dst_lb_config: {},
                     upstream_bind_config: {source_address: {address: here, port_value: 1}}}
                """))
                .hasMessageContaining("lb_policy: ROUND_ROBIN (expected: CLUSTER_PROVIDED with type ORIGINAL_DST)")
                .hasMessageContaining("load_assignment: set (expected: none with type ORIGINAL_DST)")
                .hasMessageContaining("cleanup_interval: not above 0")
                .hasMessageContaining("lb_policy: CLUSTER_PROVIDED (expected: only with type ORIGINAL_DST)")
                .hasMessageContaining("upstream_bind_config.source_address: \"here:1\"");
    }

    @Test
    void theControlPlaneMayHaveRequestsDropped() throws Exception {
        try (var upstream = ScriptedUpstream.answering("ok")) {
            String endpoints = "endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, "
                    + "port_value: " + upstream.port() + "}}}}]}]";
            try (var proxy = proxy(cluster(
                    "up",
                    endpoints + ", policy: {drop_overloads: [{category: x, drop_percentage: {numerator: 100}}]}"))) {
                assertThat(ask(proxy))
                        .startsWith("HTTP/1.1 503")
                        .contains("x-envoy-drop-overload: true\r\n")
                        .endsWith("drop overload");
            }
            try (var proxy = proxy(cluster(
                    "up",
                    endpoints + ", policy: {overprovisioning_factor: 100, drop_overloads: [{category: x, "
                            + "drop_percentage: {numerator: 0}}]}"))) {
                assertThat(ask(proxy)).startsWith("HTTP/1.1 200");
            }
        }
    }

    @Test
    void anEndpointThatDoesNotAnswerAtOneOfItsAddressesIsReachedAtAnother() throws Exception {
        String endpoint = "endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.9, "
                + "port_value: $PORT}}, additional_addresses: [{address: {socket_address: {address: 127.0.0.10, "
                + "port_value: $PORT}}}, {address: {socket_address: {address: 127.0.0.1, port_value: $PORT}}}]}}]}]";
        try (var upstream = ScriptedUpstream.answering("ok");
                var proxy = proxy(cluster("up", endpoint.replace("$PORT", Integer.toString(upstream.port()))))) {
            assertThat(ask(proxy)).startsWith("HTTP/1.1 200").endsWith("ok");
        }
        // Bound, so that nobody else gets the port, and not listening.
        try (var closed = new Socket()) {
            closed.bind(new InetSocketAddress(0));
            try (var proxy = proxy(cluster("up", endpoint.replace("$PORT", Integer.toString(closed.getLocalPort()))))) {
                assertThat(ask(proxy)).startsWith("HTTP/1.1 503").endsWith("reset reason: remote connection failure");
            }
        }
        assertThatThrownBy(() -> proxy(cluster(
                        "up",
                        endpoint.replace(
                                        "{socket_address: {address: 127.0.0.10, port_value: $PORT}}",
                                        "{pipe: {path: /x}}")
                                .replace("$PORT", "1"))))
                .isInstanceOfSatisfying(
                        ConfigRejected.class,
                        e -> assertThat(e.reasons())
                                .anyMatch(reason -> reason.endsWith("additional_addresses[0].address: not supported"
                                        + " (expected: a socket_address, in a cluster of type STATIC or EDS)")));
    }

    @Test
    void whatANamedEndpointMayNotHaveIsRefusedBeforeItIsResolved() {
        String endpoint =
                "endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: nowhere.invalid, "
                        + "port_value: 1}}, $MORE}}]}]";
        for (var more : Map.of(
                        "additional_addresses: [{address: {socket_address: {address: 127.0.0.1, port_value: 1}}}]",
                        "load_assignment.endpoints[0].lb_endpoints[0].endpoint.additional_addresses[0].address: not"
                                + " supported (expected: a socket_address, in a cluster of type STATIC or EDS)",
                        "health_check_config: {port_value: 1}",
                        "load_assignment.endpoints[0].lb_endpoints[0].endpoint.health_check_config")
                .entrySet()) {
            assertThatThrownBy(() -> proxy(cluster("up", endpoint.replace("$MORE", more.getKey()))
                            .replace("STATIC", "STRICT_DNS")))
                    .isInstanceOfSatisfying(
                            ConfigRejected.class,
                            e -> assertThat(e.reasons()).anyMatch(reason -> reason.contains(more.getValue())));
        }
    }

    @Test
    void idleConnectionsAreProbed() throws Exception {
        try (var upstream = ScriptedUpstream.answering("ok");
                var proxy = LiveProxy.with()
                        .cluster(
                                "up",
                                upstream.port(),
                                "upstream_connection_options: {tcp_keepalive: {keepalive_probes: 3, keepalive_time: 10, "
                                        + "keepalive_interval: 5}}")
                        .start(loops);
                var client = proxy.connect()) {
            assertThat(client.write(REQUEST).readAll()).startsWith("HTTP/1.1 200");
        }
    }

    @Test
    void anHttp2UpstreamThatDoesNotAnswerProbesIsGone() throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> peer.readAll());
                var proxy = LiveProxy.with()
                        .cluster(
                                "up",
                                upstream.port(),
                                "typed_extension_protocol_options: "
                                        + "{envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {\"@type\": "
                                        + "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, "
                                        + "explicit_http_config: {http2_protocol_options: {connection_keepalive: "
                                        + "{interval: 0.05s, timeout: 0.05s}}}}}")
                        .start(loops);
                var client = proxy.connect()) {
            assertThat(client.write(REQUEST).readAll()).startsWith("HTTP/1.1 503");
        }
    }

    @Test
    void whatIsNotHonouredIsRefusedByName() {
        assertThatThrownBy(() -> proxy("""
                  - name: up
                    type: STATIC
                    load_assignment: {cluster_name: up, endpoints: [{leds_cluster_locality_config: {}, lb_endpoints: [{endpoint: {health_check_config: {port_value: 1}, address: {socket_address: {address: 127.0.0.1, port_value: 1, resolver_name: x}}}}]}], policy: {endpoint_stale_after: 1s}}
                    respect_dns_ttl: true
                    health_checks: [{timeout: 1s, interval: 1s}]
                    round_robin_lb_config: {slow_start_config: {slow_start_window: 1s, min_weight_percent: {value: 101}}}
                    common_lb_config: {close_connections_on_host_set_change: true}
                    circuit_breakers: {thresholds: [{retry_budget: {}}]}
                    outlier_detection: {enforcing_success_rate: 101, interval: 0s, max_ejection_time: 1s, monitors: [{name: x}]}
                    upstream_connection_options: {happy_eyeballs_config: {}}
                    http2_protocol_options: {hpack_table_size: 1}
                """.indent(0)))
                .isInstanceOfSatisfying(
                        ConfigRejected.class,
                        e -> assertThat(e.reasons())
                                .extracting(reason -> reason.replace("static_resources.clusters[0] (up).", ""))
                                .contains(
                                        "respect_dns_ttl: not supported",
                                        "health_checks: not supported",
                                        "round_robin_lb_config.slow_start_config.min_weight_percent: 101.0 (expected: 0-100)",
                                        "common_lb_config.close_connections_on_host_set_change: not supported",
                                        "circuit_breakers.thresholds[0].retry_budget: not supported",
                                        "outlier_detection.monitors: not supported",
                                        "outlier_detection.enforcing_success_rate: 101 (expected: 0-100)",
                                        "outlier_detection.interval: not above 0",
                                        "outlier_detection.max_ejection_time: shorter than base_ejection_time (expected: at least 30000 ms)",
                                        "upstream_connection_options.happy_eyeballs_config: not supported",
                                        "http2_protocol_options.hpack_table_size: not supported"));
        assertThatThrownBy(
                        () -> proxy(
                                "  - {name: up, type: STATIC, load_assignment: {cluster_name: up, endpoints: [{lb_endpoints: [{endpoint: {health_check_config: {port_value: 1}, address: {socket_address: {address: 127.0.0.1, port_value: 1, resolver_name: x}}}}]}], policy: {endpoint_stale_after: 1s}}}\n"))
                .isInstanceOfSatisfying(
                        ConfigRejected.class,
                        e -> assertThat(e.reasons())
                                .extracting(reason -> reason.replace("static_resources.clusters[0] (up).", ""))
                                .contains(
                                        "policy.endpoint_stale_after: not supported",
                                        "endpoints[0].lb_endpoints[0].endpoint.health_check_config: not supported",
                                        "endpoints[0].lb_endpoints[0].endpoint.address.socket_address.resolver_name: not supported"));
    }
}
