package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.proxy.io.Loops;
import java.time.Duration;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What is not done in time is ended then, and answered as Envoy answers it.
@NullUnmarked
@Timeout(30)
class DownstreamTimeoutsTest {
    // Far below the five seconds after which the peer's reads give up.
    private static final Duration SOON = Duration.ofSeconds(3);

    private static Loops loops;
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
    void start() throws Exception {
        // Answers /quick, and nothing else ever.
        upstream = new ScriptedUpstream(peer -> {
            while (true) {
                if (peer.readHead().startsWith("GET /quick")) {
                    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                }
            }
        });
    }

    @AfterEach
    void stop() throws Exception {
        upstream.close();
    }

    private LiveProxy proxy(String... hcm) throws Exception {
        return LiveProxy.with()
                .hcm(hcm)
                .route(
                        "{match: {path: /short}, route: {cluster: up, idle_timeout: 0.1s}}",
                        "{match: {path: /dur}, route: {cluster: up, max_stream_duration: {max_stream_duration: 0.1s}}}",
                        "{match: {path: /unbound}, route: {cluster: up, timeout: 0.1s, max_stream_duration: {max_stream_duration: 0s}}}",
                        "{match: {path: /grpc}, route: {cluster: up, max_stream_duration: {grpc_timeout_header_max: 10s}}}")
                .cluster("up", upstream.port())
                .start(loops);
    }

    private static String quick(Peer client) throws Exception {
        client.write("GET /quick HTTP/1.1\r\nHost: a\r\n\r\n");
        client.readHead();
        return client.read(2);
    }

    private static String answer(Peer client, String request) throws Exception {
        client.socket().setSoTimeout((int) SOON.toMillis());
        client.write(request);
        String head = client.readHead();
        int at = head.indexOf("content-length: ") + 16;
        return head.substring(9, 12) + " " + client.read(Integer.parseInt(head.substring(at, head.indexOf('\r', at))));
    }

    @Test
    void anIdleStreamOfAUsedConnectionIsNotLate() throws Exception {
        try (var proxy = proxy("stream_idle_timeout: 0.1s");
                var client = proxy.connect()) {
            quick(client);
            assertThat(answer(client, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")).isEqualTo("504 stream timeout");
            assertThat(answer(client, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"))
                    .isEqualTo("408 stream timeout");
            assertThat(proxy.stat("http.main.downstream_rq_idle_timeout")).isEqualTo(2);
        }
    }

    @Test
    void theRoutesIdleTimeoutStandsOverTheConnectionManagers() throws Exception {
        try (var proxy = proxy("stream_idle_timeout: 100s");
                var client = proxy.connect()) {
            quick(client);
            assertThat(answer(client, "GET /short HTTP/1.1\r\nHost: a\r\n\r\n")).isEqualTo("504 stream timeout");
        }
    }

    @Test
    void aStreamIsEndedWhenItsDurationIsOver() throws Exception {
        try (var proxy = proxy("stream_idle_timeout: 100s");
                var client = proxy.connect()) {
            quick(client);
            assertThat(answer(client, "GET /dur HTTP/1.1\r\nHost: a\r\n\r\n"))
                    .isEqualTo("504 downstream duration timeout");
            assertThat(answer(client, "POST /dur HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"))
                    .isEqualTo("408 downstream duration timeout");
            assertThat(proxy.stat("http.main.downstream_rq_max_duration_reached"))
                    .isEqualTo(2);
        }
    }

    @Test
    void theConnectionManagersDurationHoldsWhereTheRouteHasNone() throws Exception {
        try (var proxy = proxy("common_http_protocol_options: {max_stream_duration: 0.1s}");
                var client = proxy.connect()) {
            quick(client);
            assertThat(answer(client, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"))
                    .isEqualTo("504 downstream duration timeout");
        }
    }

    @Test
    void aGrpcClientsDeadlineIsKeptWhereTheRouteLetsIt() throws Exception {
        try (var proxy = proxy("stream_idle_timeout: 100s");
                var client = proxy.connect()) {
            quick(client);
            client.write(
                    "GET /grpc HTTP/1.1\r\nHost: a\r\ncontent-type: application/grpc\r\ngrpc-timeout: 100m\r\n\r\n");
            assertThat(client.readHead())
                    .startsWith("HTTP/1.1 200")
                    .contains("grpc-status: 4\r\n")
                    .contains("grpc-message: downstream duration timeout\r\n");
        }
    }

    @Test
    void aRouteWithADurationHasNoOtherTimeout() throws Exception {
        try (var proxy = proxy("stream_idle_timeout: 0.4s");
                var client = proxy.connect()) {
            assertThat(answer(client, "GET /unbound HTTP/1.1\r\nHost: a\r\n\r\n"))
                    .isEqualTo("504 stream timeout");
        }
    }

    @Test
    void aRequestThatDoesNotEndIsAnswered() throws Exception {
        try (var proxy = proxy("request_timeout: 0.1s");
                var client = proxy.connect()) {
            quick(client);
            assertThat(answer(client, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"))
                    .isEqualTo("408 request timeout");
        }
    }

    @Test
    void aHeadThatDoesNotEndIsAnswered() throws Exception {
        try (var proxy = proxy("request_headers_timeout: 0.1s")) {
            for (String part : new String[] {"P", "PRI * HTTP", "GET /", "GET / HTTP/1.1\r\nHost: a\r\n"}) {
                try (var client = proxy.connect()) {
                    client.socket().setSoTimeout((int) SOON.toMillis());
                    client.write(part);
                    // A beginning that may yet become HTTP/2's preface has no codec that could answer.
                    assertThat(client.readAll())
                            .satisfiesAnyOf(
                                    answer -> assertThat(answer)
                                            .startsWith("HTTP/1.1 408")
                                            .endsWith("request header timeout"),
                                    answer -> assertThat("PRI * HTTP/2.0").startsWith(part));
                }
            }
            try (var client = proxy.connect()) {
                quick(client);
                assertThat(answer(client, "GET /quick HTTP/1.1\r\nHo")).isEqualTo("408 request header timeout");
            }
            assertThat(proxy.stat("http.main.downstream_rq_header_timeout")).isEqualTo(3);
            assertThat(proxy.stat("http.main.downstream_cx_protocol_error")).isZero();
        }
    }

    @Test
    void aHeadIsInTimeWhenItsEndIs() throws Exception {
        try (var proxy = proxy("request_headers_timeout: 5s");
                var client = proxy.connect()) {
            client.write("GET /quick HTTP/1.1\r\n");
            client.write("Host: a\r\n\r\n");
            client.readHead();
            assertThat(client.read(2)).isEqualTo("ok");
            assertThat(quick(client)).isEqualTo("ok");
        }
    }

    @Test
    void aConnectionWithoutRequestsIsClosed() throws Exception {
        try (var proxy = proxy("common_http_protocol_options: {idle_timeout: 0.1s}");
                var silent = proxy.connect();
                var used = proxy.connect()) {
            silent.socket().setSoTimeout((int) SOON.toMillis());
            used.socket().setSoTimeout((int) SOON.toMillis());
            quick(used);
            assertThat(silent.readAll()).isEmpty();
            assertThat(used.readAll()).isEmpty();
            assertThat(proxy.stat("http.main.downstream_cx_idle_timeout")).isEqualTo(2);
        }
    }

    @Test
    void aSilentConnectionIsClosedWhenTheListenerInspectsIt() throws Exception {
        String inspector = "listener_filters: [{name: i, typed_config: {\"@type\": "
                + "type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector}}]";
        try (var proxy = LiveProxy.with()
                        .listener(inspector, "listener_filters_timeout: 0.1s")
                        .cluster("up", upstream.port())
                        .start(loops);
                var client = proxy.connect()) {
            client.socket().setSoTimeout((int) SOON.toMillis());
            assertThat(client.readAll()).isEmpty();
            assertThat(proxy.admin("/stats")).containsPattern("downstream_pre_cx_timeout: 1");
        }
        try (var proxy = LiveProxy.with()
                        .listener(
                                inspector,
                                "listener_filters_timeout: 0.05s",
                                "continue_on_listener_filters_timeout: true")
                        .cluster("up", upstream.port())
                        .start(loops);
                var client = proxy.connect()) {
            while (!proxy.admin("/stats").contains("downstream_pre_cx_timeout: 1")) {
                Thread.onSpinWait();
            }
            assertThat(quick(client)).isEqualTo("ok");
        }
    }

    @Test
    void aConnectionThatHasLivedLongEnoughEndsAfterItsResponse() throws Exception {
        try (var proxy = proxy("common_http_protocol_options: {max_connection_duration: 0.1s}");
                var client = proxy.connect()) {
            client.socket().setSoTimeout((int) SOON.toMillis());
            assertThat(client.readAll()).isEmpty();
            assertThat(proxy.stat("http.main.downstream_cx_max_duration_reached"))
                    .isEqualTo(1);
        }
    }
}
