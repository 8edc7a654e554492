package dev.mesh.e2e;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// An upstream that answers with what it saw: request line, header lines, body, trailers, and the number of tries.
/// `x-answer` sets the status, `x-fail-first: N` lets the first N tries of a path fail with 503, `x-hold` lets the
/// answer never come.
final class EchoServer implements AutoCloseable {
    private final ServerSocket server;
    private final Map<String, Integer> tries = new ConcurrentHashMap<>();

    EchoServer() throws IOException {
        server = new ServerSocket(0, 64, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(this::accept);
    }

    int port() {
        return server.getLocalPort();
    }

    /// Starts the count of tries anew.
    void forget() {
        tries.clear();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                Thread.ofVirtual().start(() -> serve(socket));
            } catch (IOException e) {
                if (!server.isClosed()) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            InputStream in = socket.getInputStream();
            while (true) {
                var request = RawHttp.read(in, "");
                if (!request.header("x-hold").isEmpty()) {
                    in.readAllBytes();
                    return;
                }
                socket.getOutputStream().write(answer(request).getBytes(StandardCharsets.ISO_8859_1));
            }
        } catch (IOException e) {
            // The peer has closed its connection, which is its right at any time.
        }
    }

    private String answer(RawHttp request) {
        int count = tries.merge(request.head(), 1, Integer::sum);
        String wanted = request.header("x-answer");
        String first = request.header("x-fail-first");
        int status = wanted.isEmpty() ? 200 : Integer.parseInt(wanted);
        if (!first.isEmpty() && count <= Integer.parseInt(first)) {
            status = 503;
        }
        var text = new StringBuilder(request.head() + "\n");
        request.headers().stream()
                .sorted()
                .forEach(header -> text.append(header).append('\n'));
        text.append("body ").append(request.body()).append('\n');
        text.append("trailers ").append(request.trailers()).append('\n');
        if (!first.isEmpty() || !wanted.isEmpty()) {
            text.append("try ").append(count).append('\n');
        }
        boolean bare = status == 204 || status == 304;
        return "HTTP/1.1 " + status + " Whatever\r\n"
                + (bare ? "" : "content-length: " + text.length() + "\r\n")
                + "X-App: yes\r\nx-app-gone: yes\r\nx-twice: 1\r\nx-twice: 2\r\nserver: app\r\n\r\n"
                + (bare || request.head().startsWith("HEAD ") ? "" : text);
    }

    @Override
    public void close() throws IOException {
        server.close();
    }
}
