package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.proxy.io.Loops;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// HTTP/2 clients that break the rules, or know them well.
@NullUnmarked
@Timeout(60)
class Http2DownstreamTest {
    private static final int PROTOCOL_ERROR = 1;
    private static final int ENHANCE_YOUR_CALM = 11;

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
        upstream = new ScriptedUpstream(peer -> {
            while (true) {
                String head = peer.readHead();
                if (!head.contains(" /hang ")) {
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
                .route("{match: {path: /direct}, direct_response: {status: 403, body: {inline_string: no}}}")
                .cluster("up", upstream.port())
                .start(loops);
    }

    /// `name value` lines that a request is made of beside the usual four; `-name` leaves one of those out.
    private static String[] request(String shape) {
        var fields = new ArrayList<>(List.of(":method", "GET", ":scheme", "http", ":path", "/x", ":authority", "a"));
        for (String line : shape.split(";", -1)) {
            if (line.startsWith("-")) {
                int at = fields.indexOf(line.substring(1));
                fields.subList(at, at + 2).clear();
            } else {
                int space = line.indexOf(' ');
                fields.add(line.substring(0, space));
                fields.add(line.substring(space + 1)
                        .replace("CR", "\r")
                        .replace("LF", "\n")
                        .replace("NUL", "\0"));
            }
        }
        return fields.toArray(String[]::new);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "x aCRLFevil: b",
                "x aLFb",
                "x aCRb",
                "x aNULb",
                "X-Upper a",
                "x:y a",
                "connection close",
                "transfer-encoding chunked",
                "te gzip",
                "-:path",
                "-:method",
                "-:scheme",
                ":path /y",
                "x a;:extra b",
                ":status 200",
                ":protocol websocket",
                "-:path;:path x",
                "-:path;:path /aCRLFb",
                "-:path;:path /a b",
                "-:method;:method GE T",
                "-:method;:method GET / HTTP/1.1CRLFx:",
                "-:authority;:authority a/b",
                "-:authority;:authority u@a",
                "host b",
                "content-length 5",
                "content-length 1;content-length 2"
            })
    void aMessageThatBreaksTheRulesReachesNobody(String shape) throws Exception {
        try (var strict = proxy();
                var lenient = proxy("stream_error_on_invalid_http_message: true");
                var one = strict.connect();
                var two = lenient.connect()) {
            var client = Http2Peer.client(one).headers(1, true, request(shape));
            Http2Peer.Frame frame = client.next();
            while (frame.type() == Http2Peer.RST_STREAM) {
                frame = client.next();
            }
            assertThat(frame.type()).isEqualTo(Http2Peer.GOAWAY);
            assertThat(frame.goAwayError()).isEqualTo(PROTOCOL_ERROR);

            client = Http2Peer.client(two).headers(1, true, request(shape));
            frame = client.next();
            assertThat(frame.type()).isEqualTo(Http2Peer.RST_STREAM);
            assertThat(frame.error()).isEqualTo(PROTOCOL_ERROR);
            client.get(3, "/direct");
            assertThat(client.fields(client.next(Http2Peer.HEADERS))).containsEntry(":status", "403");
        }
        assertThat(upstream.accepted()).isZero();
    }

    @Test
    void trailersMayHoldNoPseudoHeaderAndNoLineEnds() throws Exception {
        for (String[] trailers : new String[][] {{":path", "/evil"}, {"x", "a\r\nb"}}) {
            try (var proxy = proxy();
                    var peer = proxy.connect()) {
                var client = Http2Peer.client(peer)
                        .headers(1, false, ":method", "POST", ":scheme", "http", ":path", "/hang", ":authority", "a")
                        .data(1, false, "a")
                        .headers(1, true, trailers);
                Http2Peer.Frame frame = client.next();
                while (frame.type() == Http2Peer.RST_STREAM) {
                    frame = client.next();
                }
                assertThat(frame.type()).isEqualTo(Http2Peer.GOAWAY);
            }
        }
    }

    @Test
    void aRequestWithoutAuthorityIsAnswered() throws Exception {
        try (var proxy = proxy();
                var peer = proxy.connect()) {
            var client = Http2Peer.client(peer).headers(1, true, request("-:authority"));
            var frame = client.next();
            while (frame.type() != Http2Peer.HEADERS) {
                frame = client.next();
            }
            assertThat(client.fields(frame)).containsEntry(":status", "400");
        }
    }

    @Test
    void whoExpectsToBeAskedForTheBodyIsAsked() throws Exception {
        var heads = new LinkedBlockingQueue<String>();
        try (var asked = new ScriptedUpstream(peer -> {
                    heads.add(peer.readHead());
                    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                });
                var proxy = LiveProxy.with().cluster("up", asked.port()).start(loops);
                var peer = proxy.connect()) {
            var client = Http2Peer.client(peer).headers(1, false, request("-:method;:method POST;expect 100-Continue"));
            assertThat(client.fields(client.next(Http2Peer.HEADERS))).containsExactly(Map.entry(":status", "100"));
            client.data(1, true, "body");
            assertThat(client.fields(client.next(Http2Peer.HEADERS))).containsEntry(":status", "200");
            assertThat(heads.take()).doesNotContain("\nexpect:");
        }
    }

    @Test
    void anEarlyAnswerEndsTheStreamWithoutError() throws Exception {
        try (var proxy = proxy();
                var peer = proxy.connect()) {
            var client = Http2Peer.client(peer)
                    .headers(1, false, ":method", "POST", ":scheme", "http", ":path", "/direct", ":authority", "a")
                    .data(1, false, "part");
            assertThat(client.fields(client.next(Http2Peer.HEADERS))).containsEntry(":status", "403");
            var data = client.next(Http2Peer.DATA);
            assertThat(data.text()).isEqualTo("no");
            assertThat(data.ends()).isTrue();
            var reset = client.next();
            assertThat(reset.type()).isEqualTo(Http2Peer.RST_STREAM);
            assertThat(reset.error()).isZero();
            client.get(3, "/direct");
            assertThat(client.fields(client.next(Http2Peer.HEADERS))).containsEntry(":status", "403");
        }
    }

    @Test
    void aDrainAnnouncesItselfAndLosesNothing() throws Exception {
        try (var proxy = proxy();
                var peer = proxy.connect()) {
            var client = Http2Peer.client(peer).get(1, "/hang");
            while (upstream.accepted() == 0) {
                Thread.onSpinWait();
            }
            proxy.process().drain();
            var announced = client.next();
            assertThat(announced.type()).isEqualTo(Http2Peer.GOAWAY);
            assertThat(announced.goAwayError()).isZero();
            assertThat(announced.lastStream()).isEqualTo(Integer.MAX_VALUE);
            var ping = client.next();
            assertThat(ping.type()).isEqualTo(Http2Peer.PING);
            // Sent before the client had heard of it.
            client.get(3, "/direct");
            client.send(Http2Peer.PING, Http2Peer.ACK, 0, ping.payload());
            assertThat(client.fields(client.next(Http2Peer.HEADERS))).containsEntry(":status", "403");
            assertThat(client.next(Http2Peer.DATA).text()).isEqualTo("no");
            var last = client.next();
            assertThat(last.type()).isEqualTo(Http2Peer.GOAWAY);
            assertThat(last.lastStream()).isEqualTo(3);
            client.send(Http2Peer.RST_STREAM, 0, 1, new byte[] {0, 0, 0, 8});
            assertThat(peer.readAll()).isEmpty();
        }
    }

    @Test
    void aClientThatDoesNotAnswerAPingIsGone() throws Exception {
        String[] keepAlive = {
            "http2_protocol_options: {connection_keepalive: {interval: 0.05s, timeout: 0.1s, interval_jitter: {value: 0}}}"
        };
        try (var proxy = proxy(keepAlive);
                var peer = proxy.connect()) {
            var client = Http2Peer.client(peer);
            for (int i = 0; i < 3; i++) {
                client.send(
                        Http2Peer.PING,
                        Http2Peer.ACK,
                        0,
                        client.next(Http2Peer.PING).payload());
            }
            client.next(Http2Peer.PING);
            peer.readAll();
            assertThat(proxy.stat("http2.keepalive_timeout")).isEqualTo(1);
        }
    }

    @Test
    void trailersPassBetweenHttp2AndHttp1() throws Exception {
        String cluster = "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: "
                + "{\"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, "
                + "explicit_http_config: {http_protocol_options: {enable_trailers: true}}}}";
        var bodies = new java.util.concurrent.LinkedBlockingQueue<String>();
        try (var trailing = new ScriptedUpstream(peer -> {
                    peer.readHead();
                    bodies.add(peer.readHead());
                    peer.write(Peer.lines("HTTP/1.1 200 OK", "transfer-encoding: chunked", ""));
                    peer.write(Peer.lines("2", "ok", "0", "x-after: b", ""));
                });
                var proxy =
                        LiveProxy.with().cluster("up", trailing.port(), cluster).start(loops);
                var peer = proxy.connect()) {
            var client = Http2Peer.client(peer)
                    .headers(1, false, ":method", "POST", ":scheme", "http", ":path", "/x", ":authority", "a")
                    .data(1, false, "q")
                    .headers(1, true, "x-end", "a");
            assertThat(client.fields(client.next(Http2Peer.HEADERS))).containsEntry(":status", "200");
            assertThat(client.next(Http2Peer.DATA).text()).isEqualTo("ok");
            var trailers = client.next(Http2Peer.HEADERS);
            assertThat(trailers.ends()).isTrue();
            assertThat(client.fields(trailers)).containsExactlyEntriesOf(java.util.Map.of("x-after", "b"));
            assertThat(bodies.take().split("\r\n", -1)).containsExactly("1", "q", "0", "x-end: a", "", "");
        }
    }

    // ---- floods ----

    /// Frames that are sent in one go, again and again, until the proxy has had enough.
    private void isCutOff(int error, byte[] first, byte[]... flood) throws Exception {
        try (var proxy = proxy();
                var peer = proxy.connect()) {
            var client = Http2Peer.client(peer);
            var sender = Thread.ofVirtual().start(() -> {
                try {
                    peer.write(first);
                    var bytes = new ByteArrayOutputStream();
                    for (int round = 0; round < 2000; round++) {
                        bytes.reset();
                        for (byte[] frame : flood) {
                            bytes.writeBytes(frame);
                        }
                        peer.write(bytes.toByteArray());
                    }
                } catch (IOException e) {
                    // as it should be: the proxy has closed the connection
                }
            });
            Http2Peer.Frame frame;
            do {
                frame = client.read();
            } while (frame.type() != Http2Peer.GOAWAY);
            assertThat(frame.goAwayError()).isEqualTo(error);
            sender.join();
            while (proxy.stat("http.main.downstream_cx_active") > 0) {
                Thread.onSpinWait();
            }
            assertThat(proxy.stat("http.main.downstream_rq_active")).isZero();
            assertThat(proxy.stat("http.main.downstream_cx_protocol_error")).isPositive();
        }
    }

    private static byte[] openStream(int id, boolean end) {
        return Http2Peer.frame(
                Http2Peer.HEADERS,
                Http2Peer.END_HEADERS | (end ? Http2Peer.END_STREAM : 0),
                id,
                Http2Peer.block(":method", "POST", ":scheme", "http", ":path", "/hang", ":authority", "a"));
    }

    @Test
    void aFloodOfResetsIsCutOff() throws Exception {
        byte[][] flood = new byte[2400][];
        for (int i = 0; i < 1200; i++) {
            flood[2 * i] = openStream(2 * i + 1, true);
            flood[2 * i + 1] = Http2Peer.frame(Http2Peer.RST_STREAM, 0, 2 * i + 1, new byte[] {0, 0, 0, 8});
        }
        isCutOff(ENHANCE_YOUR_CALM, new byte[0], flood);
    }

    @Test
    void aFloodOfEmptyDataIsCutOff() throws Exception {
        isCutOff(ENHANCE_YOUR_CALM, openStream(1, false), Http2Peer.frame(Http2Peer.DATA, 0, 1));
    }

    @Test
    void aFloodOfContinuationsIsCutOff() throws Exception {
        byte[] open = Http2Peer.frame(
                Http2Peer.HEADERS,
                0,
                1,
                Http2Peer.block(":method", "GET", ":scheme", "http", ":path", "/hang", ":authority", "a"));
        isCutOff(ENHANCE_YOUR_CALM, open, Http2Peer.frame(Http2Peer.CONTINUATION, 0, 1, Http2Peer.block("x", "y")));
    }

    @Test
    void aFloodOfPrioritiesIsCutOff() throws Exception {
        isCutOff(ENHANCE_YOUR_CALM, openStream(1, false), Http2Peer.frame(Http2Peer.PRIORITY, 0, 1, new byte[] {
            0, 0, 0, 0, 1
        }));
    }

    @Test
    void aFloodOfWindowUpdatesIsCutOff() throws Exception {
        isCutOff(ENHANCE_YOUR_CALM, openStream(1, false), Http2Peer.frame(Http2Peer.WINDOW_UPDATE, 0, 0, new byte[] {
            0, 0, 0, 1
        }));
    }

    @ParameterizedTest
    @ValueSource(ints = {Http2Peer.PING, Http2Peer.SETTINGS})
    void answersThatNobodyReadsAreBounded(int type) throws Exception {
        byte[] frame = type == Http2Peer.PING
                ? Http2Peer.frame(Http2Peer.PING, 0, 0, new byte[8])
                : Http2Peer.frame(Http2Peer.SETTINGS, 0, 0);
        var bytes = new ByteArrayOutputStream();
        for (int i = 0; i < 5000; i++) {
            bytes.writeBytes(frame);
        }
        try (var proxy = proxy();
                var peer = proxy.connect()) {
            peer.socket().setReceiveBufferSize(4096);
            Http2Peer.client(peer);
            // Nothing is read: the answers fill the sockets' buffers, and then wait in the proxy.
            var sender = Thread.ofVirtual().start(() -> {
                try {
                    while (true) {
                        peer.write(bytes.toByteArray());
                    }
                } catch (IOException e) {
                    // the proxy has closed the connection
                }
            });
            sender.join();
            assertThat(proxy.stat("http.main.downstream_cx_protocol_error")).isPositive();
        }
    }
}
