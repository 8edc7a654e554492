package dev.mesh.proxy.agent;

import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/// Asks the application of this pod, one HTTP/1.1 request a connection, past the interception. Blocking; for virtual
/// threads. Small on purpose: the JDK's own client costs each pod some megabytes.
final class LocalHttp {
    private static final int LONGEST_LINE = 16 << 10;
    private static final int MOST_HEADERS = 200;
    // Connections of the proxy that begin here are not captured, as in Istio.
    private static final InetAddress PAST_4 = InetAddress.ofLiteral("127.0.0.6");
    private static final InetAddress PAST_6 = InetAddress.ofLiteral("::6");

    private final InetAddress pod;
    private final boolean intercepted;

    /// @param pod its address
    /// @param intercepted whether connections to it must begin where they are not captured
    LocalHttp(InetAddress pod, boolean intercepted) {
        this.pod = pod;
        this.intercepted = intercepted;
    }

    /// An answer whose body is still to be read.
    record Answer(int status, InputStream body) {}

    /// Where a connection begins that is not captured; null = anywhere.
    static @Nullable InetSocketAddress source(InetAddress to, boolean intercepted) {
        return !intercepted || to.isLoopbackAddress()
                ? null
                : new InetSocketAddress(to instanceof Inet4Address ? PAST_4 : PAST_6, 0);
    }

    /// A connection; close it.
    ///
    /// @param host empty = the pod
    Socket connect(String host, int port, Duration timeout) throws IOException {
        boolean own = host.isEmpty();
        InetAddress to = own ? pod : InetAddress.getByName(host);
        var socket = new Socket();
        try {
            InetSocketAddress source = source(to, intercepted && own);
            if (source != null) {
                try {
                    socket.bind(source);
                } catch (IOException e) {
                    // ::6 is there only where the interception has put it.
                    socket.close();
                    socket = new Socket();
                }
            }
            socket.connect(new InetSocketAddress(to, port), millis(timeout.toNanos()));
            return socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    private static int millis(long nanos) {
        return Math.clamp(TimeUnit.NANOSECONDS.toMillis(nanos), 1, Integer.MAX_VALUE);
    }

    /// Does something with an answer.
    interface Use<T> {
        T use(Answer answer) throws IOException;
    }

    /// @param timeout of all of it
    /// @throws IOException with what a person has a use for
    <T> T get(AppProbe.Kind.Http asked, List<AppProbe.Header> more, Duration timeout, Use<T> use) throws IOException {
        long deadline = System.nanoTime() + timeout.toNanos();
        try (Socket plain = connect(asked.host(), asked.port(), timeout);
                Socket socket = asked.scheme().equals("https") ? secured(plain, asked, deadline) : plain) {
            var head = new StringBuilder("GET ").append(asked.path()).append(" HTTP/1.1\r\n");
            boolean host = false;
            for (AppProbe.Header header : asked.headers()) {
                host |= header.name().equalsIgnoreCase("host");
                line(head, header);
            }
            if (!host) {
                String name = asked.host().isEmpty() ? pod.getHostAddress() : asked.host();
                line(
                        head,
                        new AppProbe.Header(
                                "Host", (name.contains(":") ? "[" + name + "]" : name) + ":" + asked.port()));
            }
            for (AppProbe.Header header : more) {
                if (asked.headers().stream().noneMatch(one -> one.name().equalsIgnoreCase(header.name()))) {
                    line(head, header);
                }
            }
            head.append("Connection: close\r\n\r\n");
            socket.getOutputStream().write(head.toString().getBytes(StandardCharsets.UTF_8));
            return use.use(answer(new BufferedInputStream(new Timed(socket, deadline))));
        } catch (SocketTimeoutException e) {
            throw new IOException("no answer within " + timeout.toMillis() + " ms", e);
        }
    }

    private static void line(StringBuilder head, AppProbe.Header header) {
        head.append(header.name()).append(": ").append(header.value()).append("\r\n");
    }

    private static Socket secured(Socket plain, AppProbe.Kind.Http asked, long deadline) throws IOException {
        try {
            var context = SSLContext.getInstance("TLS");
            context.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
            plain.setSoTimeout(millis(deadline - System.nanoTime()));
            return context.getSocketFactory().createSocket(plain, asked.host(), asked.port(), true);
        } catch (GeneralSecurityException e) {
            throw new IOException("no TLS: " + e.getMessage(), e);
        }
    }

    /// Reads until a deadline, which a socket's own timeout, being that of one read, is not.
    private static final class Timed extends FilterInputStream {
        private final Socket socket;
        private final long deadline;

        private Timed(Socket socket, long deadline) throws IOException {
            super(socket.getInputStream());
            this.socket = socket;
            this.deadline = deadline;
        }

        private void arm() throws IOException {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                throw new SocketTimeoutException("deadline");
            }
            socket.setSoTimeout(millis(left));
        }

        @Override
        public int read() throws IOException {
            arm();
            return super.read();
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            arm();
            return super.read(bytes, offset, length);
        }
    }

    private static Answer answer(InputStream in) throws IOException {
        while (true) {
            String status = text(in);
            if (!status.matches("HTTP/1\\.[01] [1-5][0-9][0-9]( .*)?")) {
                throw new IOException(
                        "the answer is no HTTP: \"" + status.substring(0, Math.min(40, status.length())) + "\"");
            }
            int code = Integer.parseInt(status.substring(9, 12));
            long length = -1;
            boolean chunked = false;
            for (int i = 0; ; i++) {
                String header = text(in);
                if (header.isEmpty()) {
                    break;
                }
                if (i == MOST_HEADERS) {
                    throw new IOException("the answer has more than " + MOST_HEADERS + " headers");
                }
                String lower = header.toLowerCase(Locale.ROOT);
                if (lower.startsWith("content-length:")) {
                    String number = lower.substring(15).strip();
                    length = number.matches("[0-9]{1,18}") ? Long.parseLong(number) : -1;
                }
                chunked |= lower.startsWith("transfer-encoding:") && lower.contains("chunked");
            }
            if (code >= 200) {
                return new Answer(code, chunked ? new Chunks(in) : length >= 0 ? new Chunks(in, length) : in);
            }
        }
    }

    private static String text(InputStream in) throws IOException {
        var line = new ByteArrayOutputStream();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                throw new EOFException("the connection ended before the answer did");
            }
            if (line.size() == LONGEST_LINE) {
                throw new IOException("the answer has a line of more than " + LONGEST_LINE + " bytes");
            }
            line.write(c);
        }
        return line.toString(StandardCharsets.ISO_8859_1).stripTrailing();
    }

    /// A body with a length, or in chunks; what is missing at its end is an error.
    private static final class Chunks extends InputStream {
        private final InputStream in;
        private final boolean chunked;
        private long left;
        private boolean ended;
        private boolean first = true;

        private Chunks(InputStream in) {
            this.in = in;
            this.chunked = true;
        }

        private Chunks(InputStream in, long length) {
            this.in = in;
            this.chunked = false;
            this.left = length;
        }

        @Override
        public int read() throws IOException {
            var one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            if (left == 0 && chunked && !ended) {
                next();
            }
            if (left == 0) {
                return -1;
            }
            int got = in.read(bytes, offset, (int) Math.min(length, left));
            if (got < 0) {
                throw new EOFException("the connection ended before the answer did");
            }
            left -= got;
            return got;
        }

        private void next() throws IOException {
            if (!first) {
                text(in);
            }
            first = false;
            String size = text(in).replaceAll("[;\\s].*", "");
            if (!size.matches("[0-9a-fA-F]{1,15}")) {
                throw new IOException("the answer has a chunk without a size");
            }
            left = Long.parseLong(size, 16);
            ended = left == 0;
        }
    }
}
