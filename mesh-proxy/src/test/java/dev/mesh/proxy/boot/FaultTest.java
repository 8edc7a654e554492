package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Delays and errors that the fault filter injects, on a live proxy.
@org.jspecify.annotations.NullUnmarked
class FaultTest {
    private static final String TYPE =
            "\"@type\": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault";
    private static final String ALL = "percentage: {numerator: 100}";
    private static Loops loops;

    @TempDir
    private Path work;

    private ScriptedUpstream upstream;

    @BeforeAll
    static void startLoops() {
        loops = new Loops(1);
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    @BeforeEach
    void start() throws IOException {
        upstream = new ScriptedUpstream(peer -> {
            while (true) {
                String head = peer.readHead();
                int length = head.contains("content-length: 5") ? 5 : 0;
                peer.read(length);
                peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nup");
            }
        });
    }

    @AfterEach
    void stop() throws IOException {
        upstream.close();
    }

    private static String filter(String fields) {
        return "{name: fault, typed_config: {" + TYPE + ", " + fields + "}}";
    }

    private LiveProxy proxy(String fields, String... routes) throws ConfigRejected {
        return LiveProxy.with()
                .cluster("up", upstream.port())
                .filter(filter(fields))
                .route(routes)
                .start(loops);
    }

    private static String status(LiveProxy proxy, String path, String... headers) throws IOException {
        return get(proxy, path, headers).split(" ", 3)[1];
    }

    private static String get(LiveProxy proxy, String path, String... headers) throws IOException {
        try (var peer = proxy.connect()) {
            peer.write("GET " + path + " HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
                    + (headers.length == 0 ? "" : String.join("\r\n", headers) + "\r\n") + "\r\n");
            return peer.readAll();
        }
    }

    @Test
    void abortsWithAStatusAndTheUpstreamSeesNothing() throws Exception {
        try (var proxy = proxy("abort: {http_status: 418, " + ALL + "}")) {
            assertThat(get(proxy, "/x")).startsWith("HTTP/1.1 418 ").endsWith("\r\n\r\nfault filter abort");
            assertThat(upstream.accepted()).isZero();
            assertThat(proxy.stat("http.main.fault.aborts_injected")).isEqualTo(1);
            assertThat(proxy.stat("http.main.fault.active_faults")).isZero();
        }
    }

    @Test
    void aGrpcCallGetsTheGrpcStatus() throws Exception {
        try (var proxy = proxy("abort: {grpc_status: 10, " + ALL + "}")) {
            assertThat(get(proxy, "/x", "content-type: application/grpc"))
                    .startsWith("HTTP/1.1 200 ")
                    .contains("\r\ngrpc-status: 10\r\n")
                    .contains("\r\ngrpc-message: fault filter abort\r\n");
            assertThat(get(proxy, "/x")).startsWith("HTTP/1.1 200 ").doesNotContain("grpc-status");
        }
    }

    @Test
    void theClusterThatWasDrawnHasSettingsOfItsOwn() throws Exception {
        String own = "typed_per_filter_config: {fault: {\"@type\": "
                + "type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {" + TYPE
                + ", abort: {http_status: 418, " + ALL + "}}}}";
        String route = "typed_per_filter_config: {fault: {" + TYPE + ", abort: {http_status: 419, " + ALL + "}}}";
        try (var proxy = proxy(
                "abort: {http_status: 500}",
                "{match: {prefix: /own}, " + route + ", route: {weighted_clusters: {clusters: [{name: up, weight: 1, "
                        + own + "}, {name: up, weight: 0}]}}}",
                "{match: {prefix: /routes}, " + route
                        + ", route: {weighted_clusters: {clusters: [{name: up, weight: 0, " + own
                        + "}, {name: up, weight: 1}]}}}",
                "{match: {prefix: /none}, route: {weighted_clusters: {clusters: [{name: up, weight: 0, " + own
                        + "}, {name: up, weight: 1}]}}}")) {
            assertThat(status(proxy, "/own")).isEqualTo("418");
            assertThat(status(proxy, "/routes")).isEqualTo("419");
            assertThat(status(proxy, "/none")).isEqualTo("200");
        }
    }

    @Test
    void settingsThatCannotBeHonouredAreRefused() {
        String wrapped = "{match: {prefix: /x}, route: {cluster: up}, typed_per_filter_config: {fault: {\"@type\": "
                + "type.googleapis.com/envoy.config.route.v3.FilterConfig, %s}}}";
        org.assertj.core.api.Assertions.assertThatThrownBy(
                        () -> proxy("abort: {http_status: 500}", wrapped.formatted("disabled: true")))
                .hasMessageContaining("typed_per_filter_config[fault].disabled: not supported");
        org.assertj.core.api.Assertions.assertThatThrownBy(() -> proxy(
                        "abort: {http_status: 500}",
                        wrapped.formatted("config: {\"@type\": "
                                + "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}")))
                .hasMessageContaining("no filter takes");
    }

    @Test
    void noPercentageMeansNone() throws Exception {
        try (var proxy = proxy("abort: {http_status: 500}")) {
            assertThat(status(proxy, "/x")).isEqualTo("200");
        }
    }

    @Test
    void percentagesCountByTheirDenominator() throws Exception {
        // 10 000 of a million is one percent; all of 10 000 is all.
        try (var proxy = proxy(
                "abort: {http_status: 500, percentage: {numerator: 10000, denominator: TEN_THOUSAND}}",
                "{match: {path: /rare}, route: {cluster: up}, typed_per_filter_config: {fault: {" + TYPE
                        + ", abort: {http_status: 501, percentage: {numerator: 0, denominator: MILLION}}}}}")) {
            assertThat(status(proxy, "/x")).isEqualTo("500");
            assertThat(status(proxy, "/rare")).isEqualTo("200");
        }
    }

    @Test
    void delaysThenLetsTheWholeRequestThrough() throws Exception {
        try (var proxy = proxy("delay: {fixed_delay: 0.2s, " + ALL + "}");
                var peer = proxy.connect()) {
            long begun = System.nanoTime();
            peer.write("POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello");
            assertThat(peer.readHead()).startsWith("HTTP/1.1 200 ");
            assertThat(peer.read(2)).isEqualTo("up");
            assertThat(System.nanoTime() - begun).isGreaterThanOrEqualTo(TimeUnit.MILLISECONDS.toNanos(195));
            // The connection is as good as before.
            peer.write("POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello");
            assertThat(peer.readHead()).startsWith("HTTP/1.1 200 ");
            assertThat(proxy.stat("http.main.fault.delays_injected")).isEqualTo(2);
        }
        assertThat(upstream.problems()).noneMatch(problem -> !problem.contains("closed"));
    }

    @Test
    void delaysAndThenAborts() throws Exception {
        try (var proxy = proxy("delay: {fixed_delay: 0.05s, " + ALL + "}, abort: {http_status: 503, " + ALL + "}");
                var peer = proxy.connect()) {
            for (int i = 0; i < 2; i++) {
                peer.write("POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello");
                assertThat(peer.readHead()).startsWith("HTTP/1.1 503 ");
                assertThat(peer.read(18)).isEqualTo("fault filter abort");
            }
        }
        assertThat(upstream.accepted()).isZero();
    }

    @Test
    void aClientThatGivesUpWhileDelayedLeavesNothingBehind() throws Exception {
        try (var proxy = proxy("delay: {fixed_delay: 600s, " + ALL + "}")) {
            try (var peer = proxy.connect()) {
                peer.write("GET /x HTTP/1.1\r\nhost: a\r\n\r\n");
                await().untilAsserted(() ->
                        assertThat(proxy.stat("http.main.fault.active_faults")).isEqualTo(1));
                peer.abort();
            }
            await().untilAsserted(() ->
                    assertThat(proxy.stat("http.main.fault.active_faults")).isZero());
        }
    }

    @Test
    void onlyRequestsWithTheHeadersConcernIt() throws Exception {
        try (var proxy = proxy(
                "abort: {http_status: 500, " + ALL + "}, headers: [{name: end-user, string_match: {exact: jason}}]")) {
            assertThat(status(proxy, "/x", "end-user: jason")).isEqualTo("500");
            assertThat(status(proxy, "/x", "end-user: kim")).isEqualTo("200");
            assertThat(status(proxy, "/x")).isEqualTo("200");
        }
    }

    @Test
    void onlyRequestsToTheClusterAndFromTheNodeConcernIt() throws Exception {
        try (var proxy = proxy("upstream_cluster: other, abort: {http_status: 500, " + ALL + "}")) {
            assertThat(status(proxy, "/x")).isEqualTo("200");
        }
        try (var proxy =
                proxy("upstream_cluster: up, downstream_nodes: [n1], abort: {http_status: 500, " + ALL + "}")) {
            assertThat(status(proxy, "/x")).isEqualTo("200");
            assertThat(status(proxy, "/x", "x-envoy-downstream-service-node: n1"))
                    .isEqualTo("500");
        }
    }

    @Test
    void requestHeadersSayWhatToInject() throws Exception {
        try (var proxy = proxy("delay: {header_delay: {}, " + ALL + "}, abort: {header_abort: {}, " + ALL + "}")) {
            assertThat(status(proxy, "/x")).isEqualTo("200");
            assertThat(status(proxy, "/x", "x-envoy-fault-abort-request: 429")).isEqualTo("429");
            assertThat(status(proxy, "/x", "x-envoy-fault-abort-request: 9999")).isEqualTo("200");
            assertThat(status(proxy, "/x", "x-envoy-fault-abort-request: many")).isEqualTo("200");
            assertThat(status(
                            proxy,
                            "/x",
                            "x-envoy-fault-abort-request: 429",
                            "x-envoy-fault-abort-request-percentage: 0"))
                    .isEqualTo("200");
            assertThat(get(proxy, "/x", "content-type: application/grpc", "x-envoy-fault-abort-grpc-request: 7"))
                    .contains("\r\ngrpc-status: 7\r\n");
            long delays = proxy.stat("http.main.fault.delays_injected");
            assertThat(status(proxy, "/x", "x-envoy-fault-delay-request: 5")).isEqualTo("200");
            assertThat(proxy.stat("http.main.fault.delays_injected")).isEqualTo(delays + 1);
        }
    }

    @Test
    void noMoreFaultsAtOnceThanAllowed() throws Exception {
        try (var proxy = proxy("max_active_faults: 1, delay: {fixed_delay: 600s, " + ALL + "}");
                var waits = proxy.connect()) {
            waits.write("GET /x HTTP/1.1\r\nhost: a\r\n\r\n");
            await().untilAsserted(() ->
                    assertThat(proxy.stat("http.main.fault.active_faults")).isEqualTo(1));
            assertThat(status(proxy, "/x")).isEqualTo("200");
            assertThat(proxy.stat("http.main.fault.faults_overflow")).isEqualTo(1);
        }
    }

    @Test
    void theRouteStandsOverTheVirtualHostOverTheFilter() throws Exception {
        String abort = "{fault: {" + TYPE + ", abort: {http_status: %d, " + ALL + "}}}";
        try (var proxy = LiveProxy.with()
                .cluster("up", upstream.port())
                .filter(filter("max_active_faults: 100"))
                .virtualHost("typed_per_filter_config: " + abort.formatted(501))
                .route("{match: {path: /route}, route: {cluster: up}, typed_per_filter_config: " + abort.formatted(502)
                        + "}")
                .start(loops)) {
            assertThat(status(proxy, "/route")).isEqualTo("502");
            assertThat(status(proxy, "/x")).isEqualTo("501");
        }
    }

    @Test
    void theAccessLogSaysWhatWasInjected() throws Exception {
        Path log = work.resolve("log");
        try (var proxy = LiveProxy.with()
                .cluster("up", upstream.port())
                .filter(filter("delay: {fixed_delay: 0.01s, " + ALL + "}, abort: {http_status: 500, " + ALL + "}"))
                .hcm("access_log: [{name: f, typed_config: {\"@type\":"
                        + " type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: " + log
                        + ", log_format: {text_format_source: {inline_string: \"%RESPONSE_FLAGS%"
                        + " %RESPONSE_CODE_DETAILS%\\n\"}}}}]")
                .start(loops)) {
            assertThat(status(proxy, "/x")).isEqualTo("500");
            await().untilAsserted(() -> assertThat(Files.readString(log)).isEqualTo("DI,FI fault_filter_abort\n"));
        }
    }

    @Test
    void whatIsWrongIsRefusedWithEveryReason() {
        assertThatThrownBy(() -> proxy("abort: {http_status: 42}, delay: {fixed_delay: 0s},"
                        + " response_rate_limit: {fixed_limit: {limit_kbps: 1}},"
                        + " headers: [{name: a, safe_regex_match: {regex: \"(\"}}]"))
                .isInstanceOf(ConfigRejected.class)
                .hasMessageContaining("abort.http_status: 42 (expected: 200-599)")
                .hasMessageContaining("delay.fixed_delay: 0s (expected: > 0s)")
                .hasMessageContaining("response_rate_limit: not supported")
                .hasMessageContaining("headers[0]");
    }

    @Test
    void aRouteWithAnUnusableFaultIsRefused() {
        assertThatThrownBy(() -> proxy(
                        "max_active_faults: 1",
                        "{match: {path: /bad}, route: {cluster: up}, typed_per_filter_config: {fault: {" + TYPE
                                + ", abort: {http_status: 7}}}}"))
                .isInstanceOf(ConfigRejected.class)
                .hasMessageContaining("typed_per_filter_config[fault].abort.http_status: 7 (expected: 200-599)");
    }
}
