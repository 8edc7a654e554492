package dev.mesh.proxy.boot;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;

/// One end of a TCP connection whose every byte a test decides, as Latin-1 text. Reads give up after ten
/// seconds, so that a test fails and does not hang.
final class Peer implements AutoCloseable {
    private final Socket socket;
    private final StringBuilder ahead = new StringBuilder();

    Peer(Socket socket) {
        this.socket = socket;
        try {
            socket.setSoTimeout(10_000);
            socket.setTcpNoDelay(true);
        } catch (SocketException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Peer connect(int port) throws IOException {
        return new Peer(new Socket(InetAddress.getLoopbackAddress(), port));
    }

    /// Each line with CRLF behind it.
    static String lines(String... lines) {
        return String.join("\r\n", lines) + "\r\n";
    }

    Socket socket() {
        return socket;
    }

    Peer write(String text) throws IOException {
        return write(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    Peer write(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
        socket.getOutputStream().flush();
        return this;
    }

    /// Everything up to and with `end`.
    String readUntil(String end) throws IOException {
        while (true) {
            int at = ahead.indexOf(end);
            if (at >= 0) {
                return take(at + end.length());
            }
            if (!more()) {
                throw new IOException("closed before " + end.strip() + "; came: " + ahead);
            }
        }
    }

    /// A head with its empty line.
    String readHead() throws IOException {
        return readUntil("\r\n\r\n");
    }

    String read(int length) throws IOException {
        while (ahead.length() < length) {
            if (!more()) {
                throw new IOException("closed after " + ahead);
            }
        }
        return take(length);
    }

    /// Throws away what has come already.
    ///
    /// @return how much it was
    int drain() {
        int length = ahead.length();
        ahead.setLength(0);
        return length;
    }

    /// Everything to the end of the stream.
    ///
    /// @throws SocketException if it ends in a reset
    String readAll() throws IOException {
        while (more()) {}
        return take(ahead.length());
    }

    private String take(int length) {
        String taken = ahead.substring(0, length);
        ahead.delete(0, length);
        return taken;
    }

    private boolean more() throws IOException {
        byte[] buffer = new byte[8192];
        int count = socket.getInputStream().read(buffer);
        if (count > 0) {
            ahead.append(new String(buffer, 0, count, StandardCharsets.ISO_8859_1));
        }
        return count >= 0;
    }

    /// Ends the sending direction only.
    void endOutput() throws IOException {
        socket.shutdownOutput();
    }

    /// Closes with RST.
    void abort() throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
