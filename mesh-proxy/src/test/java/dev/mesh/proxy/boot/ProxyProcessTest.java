package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// A whole proxy from a static bootstrap, with real sockets on loopback.
@org.jspecify.annotations.NullUnmarked
class ProxyProcessTest {
    private static Loops loops;

    private HttpServer upstream;
    private final AtomicInteger failures = new AtomicInteger();
    private ProxyProcess proxy;
    private String base = "";

    @BeforeAll
    static void startLoops() {
        loops = new Loops(2);
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    @BeforeEach
    void start() throws Exception {
        upstream = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 16);
        upstream.createContext("/", exchange -> {
            byte[] body = exchange.getRequestBody().readAllBytes();
            boolean fail = exchange.getRequestURI().getPath().equals("/flaky") && failures.getAndDecrement() > 0;
            byte[] answer = body.length > 0
                    ? body
                    : (exchange.getRequestMethod() + " " + exchange.getRequestURI() + " "
                                    + exchange.getRequestHeaders().getFirst("Host") + " "
                                    + exchange.getRequestHeaders().getFirst("X-Added"))
                            .getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(fail ? 503 : 200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        upstream.start();
        proxy = LiveProxy.started(bootstrap(upstream.getAddress().getPort()), loops);
        var address = proxy.bound().get("main").getFirst();
        base = "http://127.0.0.1:" + address.getPort();
    }

    @AfterEach
    void stop() {
        proxy.close();
        upstream.stop(0);
    }

    private static String bootstrap(int port) {
        return """
                admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
                static_resources:
                  listeners:
                  - name: main
                    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
                    filter_chains:
                    - filters:
                      - name: hcm
                        typed_config:
                          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                          stat_prefix: main
                          http_filters:
                          - name: router
                            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
                          route_config:
                            name: local
                            virtual_hosts:
                            - name: all
                              domains: ["*"]
                              routes:
                              - {match: {path: /direct}, direct_response: {status: 418, body: {inline_string: teapot}}}
                              - {match: {prefix: /old}, redirect: {prefix_rewrite: /new, response_code: FOUND}}
                              - match: {prefix: /shop/}
                                route: {cluster: up, prefix_rewrite: /, host_rewrite_literal: shop.local}
                                request_headers_to_add: [{header: {key: x-added, value: "%REQ(:METHOD)%"}}]
                              - match: {path: /flaky}
                                route:
                                  cluster: up
                                  retry_policy: {retry_on: 5xx, num_retries: 2, retry_back_off: {base_interval: 0.001s}}
                              - {match: {path: /nowhere}, route: {cluster: empty}}
                              - {match: {path: /refused}, route: {cluster: refused}}
                              - {match: {prefix: /}, route: {cluster: up}}
                  clusters:
                  - {name: empty, type: STATIC, load_assignment: {cluster_name: empty}}
                  - name: refused
                    type: STATIC
                    load_assignment: {cluster_name: refused, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]}
                  - name: up
                    type: STATIC
                    load_assignment: {cluster_name: up, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: UPSTREAM}}}}]}]}
                """.replace("UPSTREAM", Integer.toString(port));
    }

    private HttpResponse<String> get(HttpClient.Version version, String path) throws Exception {
        try (var client = HttpClient.newBuilder().version(version).build()) {
            return client.send(
                    HttpRequest.newBuilder(URI.create(base + path)).build(), HttpResponse.BodyHandlers.ofString());
        }
    }

    @Test
    void routesRewritesAndAddsHeaders() throws Exception {
        var answer = get(HttpClient.Version.HTTP_1_1, "/shop/cart?id=1");

        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.body()).isEqualTo("GET /cart?id=1 shop.local GET");
        assertThat(answer.headers().firstValue("server")).contains("envoy");
        assertThat(answer.headers().firstValue("x-envoy-upstream-service-time")).isPresent();
    }

    @Test
    void answersItself() throws Exception {
        assertThat(get(HttpClient.Version.HTTP_1_1, "/direct").body()).isEqualTo("teapot");
        var redirect = get(HttpClient.Version.HTTP_1_1, "/old/page?x=1");
        assertThat(redirect.statusCode()).isEqualTo(302);
        assertThat(redirect.headers().firstValue("location")).contains(base + "/new/page?x=1");
    }

    @Test
    void saysWhenNobodyCanServe() throws Exception {
        var none = get(HttpClient.Version.HTTP_1_1, "/nowhere");
        assertThat(none.statusCode()).isEqualTo(503);
        assertThat(none.body()).isEqualTo("no healthy upstream");
        assertThat(get(HttpClient.Version.HTTP_1_1, "/refused").body())
                .contains("reset reason: remote connection failure");
    }

    @Test
    void retriesWhatThePolicySays() throws Exception {
        failures.set(2);
        assertThat(get(HttpClient.Version.HTTP_1_1, "/flaky").statusCode()).isEqualTo(200);
        failures.set(3);
        assertThat(get(HttpClient.Version.HTTP_1_1, "/flaky").statusCode()).isEqualTo(503);
        failures.set(0);
    }

    @Test
    void carriesALargeBodyBothWays() throws Exception {
        byte[] body = new byte[4 << 20];
        java.util.Arrays.fill(body, (byte) 'x');
        try (var client =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
            var answer = client.send(
                    HttpRequest.newBuilder(URI.create(base + "/echo"))
                            .POST(HttpRequest.BodyPublishers.ofByteArray(body))
                            .build(),
                    HttpResponse.BodyHandlers.ofByteArray());
            assertThat(answer.body()).isEqualTo(body);
        }
    }

    @Test
    void refusesSmugglingShapes() throws Exception {
        assertThat(raw("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"))
                .startsWith("HTTP/1.1 400");
        assertThat(raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"))
                .startsWith("HTTP/1.1 501");
        assertThat(raw("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")).startsWith("HTTP/1.1 400");
        assertThat(raw("GET / HTTP/1.1\r\n\r\n")).startsWith("HTTP/1.1 400");
        assertThat(raw("GET / HTTP/1.1\r\nHost: a\r\nBad : x\r\n\r\n")).startsWith("HTTP/1.1 400");
        assertThat(raw("GET / HTTP/1.1\nHost: a\n\n")).startsWith("HTTP/1.1 400");
        assertThat(raw("GET / HTTP/1.1\r\nHost: a\r\n x: folded\r\n\r\n")).startsWith("HTTP/1.1 400");
        assertThat(raw("GET / HTTP/1.1\r\nHost: a\r\nx: " + "y".repeat(70_000) + "\r\n\r\n"))
                .startsWith("HTTP/1.1 431");
        assertThat(raw("GET /#frag HTTP/1.1\r\nHost: a\r\n\r\n")).startsWith("HTTP/1.1 400");
    }

    @Test
    void declinesAnOfferOfH2cAndServesTheRequest() throws Exception {
        String offer = String.join(
                "\r\n",
                List.of(
                        "Connection: Upgrade, HTTP2-Settings, close",
                        "Upgrade: h2c",
                        "HTTP2-Settings: AAMAAABkAAQAoAAA"));
        assertThat(raw("GET /direct HTTP/1.1\r\nHost: a\r\n" + offer + "\r\n\r\n"))
                .startsWith("HTTP/1.1 418");
    }

    private String raw(String request) throws IOException {
        URI uri = URI.create(base);
        try (var socket = new Socket(uri.getHost(), uri.getPort())) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }

    @Test
    void speaksHttp2ByPriorKnowledge() throws Exception {
        URI uri = URI.create(base);
        var streams = new java.util.concurrent.LinkedBlockingQueue<String>();
        var channel = io.grpc.netty.NettyChannelBuilder.forAddress(uri.getHost(), uri.getPort())
                .usePlaintext()
                .build();
        // A gRPC call to an upstream that knows no gRPC fails as a call; its status shows head and data that came.
        var method = io.grpc.MethodDescriptor.<byte[], byte[]>newBuilder()
                .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
                .setFullMethodName("direct/call")
                .setRequestMarshaller(Bytes.INSTANCE)
                .setResponseMarshaller(Bytes.INSTANCE)
                .build();
        try {
            io.grpc.stub.ClientCalls.blockingUnaryCall(
                    channel,
                    method,
                    io.grpc.CallOptions.DEFAULT.withDeadlineAfter(10, java.util.concurrent.TimeUnit.SECONDS),
                    new byte[] {1});
        } catch (io.grpc.StatusRuntimeException e) {
            streams.add(e.getStatus().getCode() + " " + e.getStatus().getDescription());
        } finally {
            channel.shutdownNow();
        }
        assertThat(streams.poll())
                .contains(":status=200")
                .contains("x-envoy-upstream-service-time")
                .contains("DATA");
    }

    private enum Bytes implements io.grpc.MethodDescriptor.Marshaller<byte[]> {
        INSTANCE;

        @Override
        public java.io.InputStream stream(byte[] value) {
            return new java.io.ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(java.io.InputStream stream) {
            try {
                return stream.readAllBytes();
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        }
    }

    @Test
    void showsWhatRunsOnItsAdminEndpoint() throws Exception {
        var admin = proxy.adminAddress();
        String at = "http://127.0.0.1:" + admin.getPort();
        assertThat(fetch(at + "/ready")).isEqualTo("LIVE\n");
        assertThat(fetch(at + "/config_dump")).contains("static_listeners").contains("HttpConnectionManager");
        assertThat(fetch(at + "/clusters")).contains("up::127.0.0.1:").contains("::health_flags::healthy");
        assertThat(fetch(at + "/listeners")).startsWith("main::127.0.0.1:");
        get(HttpClient.Version.HTTP_1_1, "/direct");
        assertThat(fetch(at + "/stats/prometheus"))
                .contains("envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix=\"main\"} 1");
    }

    private static String fetch(String url) throws Exception {
        try (var client = HttpClient.newHttpClient()) {
            return client.send(HttpRequest.newBuilder(URI.create(url)).build(), HttpResponse.BodyHandlers.ofString())
                    .body();
        }
    }

    @Test
    void saysEverythingThatIsWrongWithABootstrap() {
        String text = bootstrap(1)
                .replace("stat_prefix: main", "stat_prefix: ''")
                .replace("type: STATIC", "type: LOGICAL_DNS");
        assertThatThrownBy(() -> {
                    try (var wrong = new ProxyProcess(BootstrapReader.parse("test", text), loops)) {
                        wrong.start();
                    }
                })
                .isInstanceOf(ConfigRejected.class)
                .hasMessageContaining("stat_prefix: empty")
                .hasMessageContaining("LOGICAL_DNS is not supported");
        assertThatThrownBy(() -> BootstrapReader.parse("b.yaml", "static_resources: {listners: []}"))
                .hasMessageContaining("b.yaml")
                .hasMessageContaining("listners");
        assertThatThrownBy(() -> BootstrapReader.parse("b.yaml", "a: [")).hasMessageContaining("b.yaml:1:5: not YAML");
    }
}
