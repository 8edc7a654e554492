package dev.mesh.proxy.codec;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Requests that two parsers might read in two ways, or that overload one. Each has one result, however its
/// bytes are cut into reads; and what is refused is never handed on as a second request.
@NullUnmarked
class Http1AttackTest {
    private static final Http1Limits LIMITS = new Http1Limits(8192, 20, true, false, "", false);
    private static final String POST = "POST /x HTTP/1.1\r\nHost: a\r\n";
    private static final String CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n";
    private static final String SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

    /// Shape → what comes of it: statuses of the answers in order.
    private static Map<String, String[]> shapes() {
        var shapes = new LinkedHashMap<String, String[]>();
        // framing
        add(
                shapes,
                "content-length and transfer-encoding",
                POST + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "400");
        add(
                shapes,
                "transfer-encoding and content-length",
                POST + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
                "400");
        add(shapes, "chunked twice in a list", POST + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "501");
        add(
                shapes,
                "chunked in two headers",
                POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "501");
        add(shapes, "identity, chunked", POST + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", "501");
        add(shapes, "gzip, chunked", POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501");
        add(shapes, "unknown coding", POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501");
        add(shapes, "vertical tab before chunked", POST + "Transfer-Encoding: \u000bchunked\r\n\r\n0\r\n\r\n", "400");
        add(shapes, "parameter on chunked", POST + "Transfer-Encoding: chunked;a\r\n\r\n0\r\n\r\n", "501");
        add(shapes, "empty transfer-encoding", POST + "Transfer-Encoding:\r\n\r\n", "501");
        add(shapes, "transfer-encoding folded", POST + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "400");
        add(
                shapes,
                "space before the colon of transfer-encoding",
                POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
                "400");
        add(shapes, "two equal lengths", POST + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", "400");
        add(shapes, "two lengths", POST + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400");
        add(shapes, "list of lengths", POST + "Content-Length: 1, 1\r\n\r\na", "400");
        add(shapes, "signed length", POST + "Content-Length: +1\r\n\r\na", "400");
        add(shapes, "negative length", POST + "Content-Length: -1\r\n\r\na", "400");
        add(shapes, "hexadecimal length", POST + "Content-Length: 0x1\r\n\r\na", "400");
        add(shapes, "empty length", POST + "Content-Length:\r\n\r\n", "400");
        add(shapes, "length beyond any", POST + "Content-Length: 99999999999999999999\r\n\r\n", "400");
        // lines
        add(shapes, "folded header", POST + "a: b\r\n c\r\n\r\n", "400");
        add(shapes, "NUL in a value", POST + "a: b\0c\r\n\r\n", "400");
        add(shapes, "bare CR in a value", POST + "a: b\rc\r\n\r\n", "400");
        add(shapes, "bare LF between headers", POST + "a: b\nc: d\r\n\r\n", "400");
        add(shapes, "bare LF at the end", "GET /x HTTP/1.1\r\nHost: a\n\n", "400");
        add(shapes, "space before a colon", POST + "a : b\r\n\r\n", "400");
        add(shapes, "tab in a name", POST + "a\tb: c\r\n\r\n", "400");
        add(shapes, "no colon", POST + "abc\r\n\r\n", "400");
        add(shapes, "empty name", POST + ": b\r\n\r\n", "400");
        add(shapes, "space before the first header", "GET /x HTTP/1.1\r\n Host: a\r\n\r\n", "400");
        add(shapes, "NUL before the method", "\0" + POST + "\r\n", "400");
        add(shapes, "control character before the method", "\u0001" + POST + "\r\n", "400");
        add(shapes, "two spaces in the request line", "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n", "400");
        add(shapes, "tab in the request line", "GET\t/x\tHTTP/1.1\r\nHost: a\r\n\r\n", "400");
        add(shapes, "space in the target", "GET /x y HTTP/1.1\r\nHost: a\r\n\r\n", "400");
        add(shapes, "no version", "GET /x\r\nHost: a\r\n\r\n", "400");
        add(shapes, "version 1.2", "GET /x HTTP/1.2\r\nHost: a\r\n\r\n", "400");
        add(shapes, "version 2.0", "GET /x HTTP/2.0\r\nHost: a\r\n\r\n", "400");
        add(shapes, "lower case version", "GET /x http/1.1\r\nHost: a\r\n\r\n", "400");
        add(shapes, "version 1.0", "GET /x HTTP/1.0\r\nHost: a\r\n\r\n", "426");
        add(shapes, "lower case method", "get /x HTTP/1.1\r\nHost: a\r\n\r\n", "400");
        add(shapes, "method that is none", "SMUGGLE /x HTTP/1.1\r\nHost: a\r\n\r\n", "400");
        // targets
        add(shapes, "everything, and no OPTIONS", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400");
        add(shapes, "two hosts", POST + "Host: b\r\n\r\n", "400");
        add(shapes, "host with a path", "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", "400");
        add(shapes, "host with user information", "GET /x HTTP/1.1\r\nHost: u@a\r\n\r\n", "400");
        add(shapes, "absolute form of another scheme", "GET ftp://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "400");
        add(shapes, "absolute form without authority", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", "400");
        add(shapes, "relative target", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", "400");
        // chunks
        add(shapes, "chunk size 0x1", CHUNKED + "0x1\r\na\r\n0\r\n\r\n", "400");
        add(shapes, "chunk size +1", CHUNKED + "+1\r\na\r\n0\r\n\r\n", "400");
        add(shapes, "chunk size 1_0", CHUNKED + "1_0\r\na\r\n0\r\n\r\n", "400");
        add(shapes, "chunk size -1", CHUNKED + "-1\r\na\r\n0\r\n\r\n", "400");
        add(shapes, "no chunk size", CHUNKED + "\r\na\r\n0\r\n\r\n", "400");
        add(shapes, "chunk size overflow", CHUNKED + "11111111111111111\r\na\r\n0\r\n\r\n", "400");
        add(shapes, "chunk line ended by LF", CHUNKED + "1\na\r\n0\r\n\r\n", "400");
        add(shapes, "chunk data ended by LF", CHUNKED + "1\r\na\n0\r\n\r\n", "400");
        add(shapes, "chunk data not ended", CHUNKED + "1\r\naX0\r\n\r\n", "400");
        add(shapes, "chunk extension with a line", CHUNKED + "1;a=\"\r\nb\"\r\na\r\n0\r\n\r\n", "400");
        add(shapes, "chunk extension with a bare CR", CHUNKED + "1;a\rb\r\na\r\n0\r\n\r\n", "400");
        add(shapes, "chunk extension with a bare LF", CHUNKED + "1;a\nb\r\na\r\n0\r\n\r\n", "400");
        add(shapes, "endless chunk extension", CHUNKED + "1;" + "x".repeat(5000) + "\r\na\r\n0\r\n\r\n", "400");
        add(shapes, "trailer folded", CHUNKED + "0\r\na: b\r\n c\r\n\r\n", "400");
        add(shapes, "trailer with a bare LF", CHUNKED + "0\r\na: b\n\r\n", "400");
        // too much
        add(shapes, "too many headers", POST + "h: 1\r\n".repeat(20) + "\r\n", "431");
        add(shapes, "huge header", POST + "h: " + "y".repeat(9000) + "\r\n\r\n", "431");
        add(shapes, "endless request line", "GET /" + "y".repeat(9000) + " HTTP/1.1\r\nHost: a\r\n\r\n", "431");
        add(shapes, "huge trailers", CHUNKED + "0\r\nh: " + "y".repeat(9000) + "\r\n\r\n", "431");
        // upgrades
        add(
                shapes,
                "upgrade with a length",
                POST + "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\na",
                "400");
        add(
                shapes,
                "upgrade with chunks",
                POST + "Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "400");
        return shapes;
    }

    /// What must be served, whatever it looks like.
    private static Map<String, String[]> good() {
        var shapes = new LinkedHashMap<String, String[]>();
        add(shapes, "empty lines before", "\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", "200");
        add(shapes, "absolute form", "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "200");
        add(
                shapes,
                "pipeline",
                "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" + POST + "Content-Length: 3\r\n\r\nabc" + SMUGGLED,
                "200 200 200");
        add(
                shapes,
                "chunks with extensions and trailers",
                CHUNKED + "3;a=b\r\nabc\r\n00a ;c\r\n0123456789\r\n0\r\nt: v\r\ncontent-length: 9\r\n\r\n" + SMUGGLED,
                "200 200");
        add(
                shapes,
                "body that looks like a request",
                POST + "Content-Length: " + SMUGGLED.length() + "\r\n\r\n" + SMUGGLED,
                "200");
        add(
                shapes,
                "chunk that looks like a request",
                CHUNKED + Integer.toHexString(SMUGGLED.length()) + "\r\n" + SMUGGLED + "\r\n0\r\n\r\n",
                "200");
        add(shapes, "blanks around a value", "GET /x HTTP/1.1\r\nHost:\t a \t\r\n\r\n", "200");
        add(
                shapes,
                "Transfer-Encoding in another case",
                POST + "Transfer-Encoding: ChunkeD\r\n\r\n0\r\n\r\n" + SMUGGLED,
                "200 200");
        add(shapes, "close", "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + SMUGGLED, "200");
        add(
                shapes,
                "connection names a header",
                "GET /x HTTP/1.1\r\nHost: a\r\nConnection: x-secret\r\nx-secret: 1\r\n\r\n",
                "200");
        return shapes;
    }

    private static void add(Map<String, String[]> shapes, String name, String bytes, String statuses) {
        shapes.put(name, new String[] {bytes, statuses});
    }

    private static Stream<Arguments> attacks() {
        return shapes().entrySet().stream()
                .map(shape -> Arguments.of(shape.getKey(), shape.getValue()[0], shape.getValue()[1]));
    }

    private static Stream<Arguments> requests() {
        return good().entrySet().stream()
                .map(shape -> Arguments.of(shape.getKey(), shape.getValue()[0], shape.getValue()[1]));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("attacks")
    void isRefusedAndNothingBehindItIsServed(String name, String bytes, String statuses) {
        String whole = served(bytes + SMUGGLED);

        assertThat(statusesOf(whole)).isEqualTo(statuses);
        assertThat(whole).endsWith("closed").doesNotContain("/smuggled");
        assertHoweverCut(bytes + SMUGGLED, whole);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("requests")
    void isServed(String name, String bytes, String statuses) {
        String whole = served(bytes);

        assertThat(statusesOf(whole)).isEqualTo(statuses);
        assertHoweverCut(bytes, whole);
    }

    private static void assertHoweverCut(String text, String whole) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        // A long filler behaves the same wherever it is cut: its ends are what matters.
        int step = bytes.length > 1000 ? 97 : 1;
        for (int at = 1; at < bytes.length; at += at < 200 || at > bytes.length - 200 ? 1 : step) {
            assertThat(RecordedServer.of(LIMITS, Arrays.copyOf(bytes, at), Arrays.copyOfRange(bytes, at, bytes.length)))
                    .as("cut at %s", at)
                    .isEqualTo(whole);
        }
        byte[][] single = new byte[bytes.length][];
        for (int i = 0; i < bytes.length; i++) {
            single[i] = new byte[] {bytes[i]};
        }
        assertThat(RecordedServer.of(LIMITS, single)).as("byte by byte").isEqualTo(whole);
        var random = new Random(7);
        for (int round = 0; round < 20; round++) {
            int first = 1 + random.nextInt(bytes.length - 1);
            int second = first + random.nextInt(bytes.length - first);
            assertThat(RecordedServer.of(
                            LIMITS,
                            Arrays.copyOf(bytes, first),
                            Arrays.copyOfRange(bytes, first, second),
                            Arrays.copyOfRange(bytes, second, bytes.length)))
                    .as("cut at %s and %s", first, second)
                    .isEqualTo(whole);
        }
    }

    private static String served(String text) {
        return RecordedServer.of(LIMITS, text.getBytes(StandardCharsets.ISO_8859_1));
    }

    private static String statusesOf(String whole) {
        var statuses = new StringBuilder();
        String written = whole.substring(whole.indexOf("----\n"));
        for (int at = written.indexOf("HTTP/1.1 "); at >= 0; at = written.indexOf("HTTP/1.1 ", at + 1)) {
            statuses.append(statuses.isEmpty() ? "" : " ").append(written, at + 9, at + 12);
        }
        return statuses.toString();
    }
}
