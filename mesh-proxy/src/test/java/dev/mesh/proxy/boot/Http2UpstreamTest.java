package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.proxy.io.Loops;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// HTTP/1 clients in front of an HTTP/2 upstream whose frames the test decides.
@NullUnmarked
@Timeout(60)
class Http2UpstreamTest {
    private static final String GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    private static final int ENABLE_CONNECT_PROTOCOL = 8;

    private static Loops loops;

    @BeforeAll
    static void startLoops() {
        loops = new Loops(1);
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    @Test
    void aResetStreamMakesRoomForTheNextRequest() throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> {
                    var server = Http2Peer.server(peer);
                    int first = server.next(Http2Peer.HEADERS).stream();
                    // The second request waits for this stream's place by now, or will find it free.
                    server.send(Http2Peer.RST_STREAM, 0, first, new byte[] {0, 0, 0, 2});
                    int second = server.next(Http2Peer.HEADERS).stream();
                    server.headers(second, true, ":status", "200");
                    server.next();
                });
                var proxy = LiveProxy.with()
                        .cluster(
                                "up",
                                upstream.port(),
                                "circuit_breakers: {thresholds: [{max_connections: 1}]}",
                                "http2_protocol_options: {max_concurrent_streams: 1}")
                        .start(loops);
                var one = proxy.connect();
                var two = proxy.connect()) {
            one.write(GET);
            two.write(GET);
            String heads = one.readHead() + two.readHead();
            assertThat(heads).contains("HTTP/1.1 503").contains("HTTP/1.1 200");
            assertThat(upstream.accepted()).isEqualTo(1);
        }
    }

    @Test
    void anAnswerBeforeTheEndOfTheRequestLeavesNoStreamBehind() throws Exception {
        var reset = new LinkedBlockingQueue<Http2Peer.Frame>();
        try (var upstream = new ScriptedUpstream(peer -> {
                    var server = Http2Peer.server(peer);
                    int stream = server.next(Http2Peer.HEADERS).stream();
                    server.headers(stream, false, ":status", "200").data(stream, true, "ok");
                    Http2Peer.Frame frame;
                    do {
                        frame = server.next();
                    } while (frame.type() == Http2Peer.DATA);
                    reset.add(frame);
                    stream = server.next(Http2Peer.HEADERS).stream();
                    server.headers(stream, true, ":status", "204");
                    server.next();
                });
                var proxy = LiveProxy.with().http2Cluster("up", upstream.port()).start(loops);
                var client = proxy.connect();
                var other = proxy.connect()) {
            client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab");
            assertThat(client.readAll()).startsWith("HTTP/1.1 200").endsWith("0\r\n\r\n");
            var frame = reset.poll(10, TimeUnit.SECONDS);
            assertThat(frame).isNotNull();
            assertThat(frame.type()).isEqualTo(Http2Peer.RST_STREAM);
            other.write(GET);
            assertThat(other.readHead()).startsWith("HTTP/1.1 204");
            assertThat(upstream.accepted()).isEqualTo(1);
        }
    }

    @Test
    void anAnswerWithLineEndsInAValueIsNoAnswer() throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> {
                    var server = Http2Peer.server(peer);
                    int stream = server.next(Http2Peer.HEADERS).stream();
                    server.headers(stream, true, ":status", "200", "x", "a\r\nset-cookie: evil=1");
                    server.next();
                });
                var proxy = LiveProxy.with().http2Cluster("up", upstream.port()).start(loops);
                var client = proxy.connect()) {
            client.write(GET);
            assertThat(client.readHead()).startsWith("HTTP/1.1 502").doesNotContain("evil");
        }
    }

    @Test
    void trailersPassBetweenHttp1AndHttp2() throws Exception {
        var request = new LinkedBlockingQueue<String>();
        try (var upstream = new ScriptedUpstream(peer -> {
                    var server = Http2Peer.server(peer);
                    int stream = server.next(Http2Peer.HEADERS).stream();
                    request.add(server.next(Http2Peer.DATA).text());
                    var trailers = server.next(Http2Peer.HEADERS);
                    request.add(server.fields(trailers) + " " + trailers.ends());
                    server.headers(stream, false, ":status", "200")
                            .data(stream, false, "ok")
                            .headers(stream, true, "x-after", "b");
                    server.next();
                });
                var proxy = LiveProxy.with()
                        .hcm("http_protocol_options: {enable_trailers: true}")
                        .http2Cluster("up", upstream.port())
                        .start(loops);
                var client = proxy.connect()) {
            client.write(Peer.lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", ""));
            client.write(Peer.lines("1", "q", "0", "x-end: a", ""));
            assertThat(client.readHead()).startsWith("HTTP/1.1 200");
            assertThat(client.readHead()).isEqualTo(Peer.lines("2", "ok", "0", "x-after: b", ""));
            assertThat(request.take()).isEqualTo("q");
            assertThat(request.take()).isEqualTo("{x-end=a} true");
        }
    }

    private static String upgrade() {
        return Peer.lines(
                "GET /chat HTTP/1.1",
                "Host: a",
                "Connection: Upgrade",
                "Upgrade: WebSocket",
                "Sec-WebSocket-Version: 13",
                "");
    }

    @Test
    void aWebSocketGoesOnByExtendedConnect() throws Exception {
        var request = new LinkedBlockingQueue<String>();
        try (var upstream = new ScriptedUpstream(peer -> {
                    var server = Http2Peer.server(peer, ENABLE_CONNECT_PROTOCOL, 1);
                    var head = server.next(Http2Peer.HEADERS);
                    var fields = server.fields(head);
                    request.add(fields.get(":method") + " " + fields.get(":protocol") + " " + fields.get(":path") + " "
                            + fields.get("sec-websocket-version") + " " + head.ends());
                    server.headers(head.stream(), false, ":status", "200", "sec-websocket-protocol", "chat");
                    server.data(head.stream(), false, "hello");
                    request.add(server.next(Http2Peer.DATA).text());
                    server.data(head.stream(), true, "bye");
                    server.next();
                });
                var proxy = LiveProxy.with()
                        .hcm("upgrade_configs: [{upgrade_type: websocket}]")
                        .http2Cluster("up", upstream.port())
                        .start(loops);
                var client = proxy.connect()) {
            client.write(upgrade());
            assertThat(client.readHead())
                    .startsWith("HTTP/1.1 101")
                    .contains("upgrade: websocket\r\n")
                    .contains("connection: upgrade\r\n")
                    .contains("sec-websocket-protocol: chat\r\n");
            assertThat(client.read(5)).isEqualTo("hello");
            client.write("there");
            assertThat(client.readAll()).isEqualTo("bye");
            assertThat(request.take()).isEqualTo("CONNECT websocket /chat 13 false");
            assertThat(request.take()).isEqualTo("there");
        }
    }

    @Test
    void aWebSocketIsRefusedWhereTheUpstreamKnowsNoExtendedConnect() throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> {
                    var server = Http2Peer.server(peer);
                    server.next();
                });
                var proxy = LiveProxy.with()
                        .hcm("upgrade_configs: [{upgrade_type: websocket}]")
                        .http2Cluster("up", upstream.port())
                        .start(loops);
                var client = proxy.connect()) {
            client.write(upgrade());
            assertThat(client.readHead()).startsWith("HTTP/1.1 502");
        }
    }

    @Test
    void anExtendedConnectReachesAnHttp1UpstreamAsAnUpgrade() throws Exception {
        var request = new LinkedBlockingQueue<String>();
        try (var upstream = new ScriptedUpstream(peer -> {
                    request.add(peer.readHead());
                    peer.write(Peer.lines(
                            "HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket", ""));
                    peer.write("hello");
                    request.add(peer.read(5));
                    // The client's end comes as an end of the input, and the other direction goes on.
                    request.add("end" + peer.readAll());
                    peer.write("bye");
                });
                var proxy = LiveProxy.with()
                        .hcm(
                                "upgrade_configs: [{upgrade_type: websocket}]",
                                "http2_protocol_options: {allow_connect: true}")
                        .cluster("up", upstream.port())
                        .start(loops);
                var peer = proxy.connect()) {
            var client = Http2Peer.client(peer)
                    .headers(
                            1,
                            false,
                            ":method",
                            "CONNECT",
                            ":protocol",
                            "websocket",
                            ":scheme",
                            "http",
                            ":path",
                            "/chat",
                            ":authority",
                            "a");
            var head = client.fields(client.next(Http2Peer.HEADERS));
            assertThat(head).containsEntry(":status", "200").doesNotContainKeys("upgrade", "connection");
            assertThat(client.next(Http2Peer.DATA).text()).isEqualTo("hello");
            client.data(1, false, "there").data(1, true, "");
            var last = client.next(Http2Peer.DATA);
            assertThat(last.text()).isEqualTo("bye");
            assertThat(request.take())
                    .startsWith("GET /chat HTTP/1.1\r\n")
                    .contains("upgrade: websocket\r\n")
                    .contains("connection: upgrade\r\n");
            assertThat(request.take()).isEqualTo("there");
            assertThat(request.take()).isEqualTo("end");
        }
    }
}
