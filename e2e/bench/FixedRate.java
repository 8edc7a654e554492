import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;

/// Sends requests at a fixed rate over kept HTTP/1.1 connections and prints the latencies' quantiles. A request's
/// time counts from when it was due, not from when a connection was free for it, so a proxy that stalls does not hide
/// its stall by being asked less. `java FixedRate.java PORT PATH RATE SECONDS CONNECTIONS`; the first second is not
/// counted. Prints one line: `sent ok failed p50 p90 p99 p99.9 max` in microseconds.
void main(String[] args) throws IOException {
    int rate = Integer.parseInt(args[2]);
    int seconds = Integer.parseInt(args[3]);
    var request = ("GET " + args[1] + " HTTP/1.1\r\nhost: bench\r\nuser-agent: bench\r\n\r\n")
            .getBytes(StandardCharsets.US_ASCII);
    try (var selector = Selector.open()) {
        var free = new ArrayDeque<Connection>();
        for (int i = 0; i < Integer.parseInt(args[4]); i++) {
            var connection = new Connection(Integer.parseInt(args[0]));
            connection.channel.register(selector, SelectionKey.OP_READ, connection);
            free.add(connection);
        }
        long interval = 1_000_000_000L / rate;
        int all = rate * (seconds + 1);
        int uncounted = rate;
        var latencies = new long[all];
        int sent = 0;
        int ended = 0;
        int failed = 0;
        long start = System.nanoTime() + 50_000_000;
        long giveUp = start + (seconds + 11) * 1_000_000_000L;
        while (ended < all && System.nanoTime() < giveUp) {
            long due = start + sent * interval;
            long now = System.nanoTime();
            if (sent < all && now >= due && !free.isEmpty()) {
                free.poll().send(request, due, sent++);
                continue;
            }
            // Selecting waits in whole milliseconds; what is shorter is slept off.
            long wait = sent < all && !free.isEmpty() ? due - now : 5_000_000;
            if (wait > 1_200_000) {
                selector.select((wait - 200_000) / 1_000_000);
            } else {
                if (selector.selectNow() == 0) {
                    LockSupport.parkNanos(Math.min(wait, 20_000));
                    selector.selectNow();
                }
            }
            for (var key : selector.selectedKeys()) {
                var connection = (Connection) key.attachment();
                switch (connection.read()) {
                    case MORE -> {}
                    case DONE -> {
                        latencies[connection.number] = System.nanoTime() - connection.due;
                        ended++;
                        free.add(connection);
                    }
                    case BROKEN -> {
                        key.cancel();
                        failed++;
                        ended++;
                    }
                }
            }
            selector.selectedKeys().clear();
            if (selector.keys().isEmpty()) {
                break;
            }
        }
        failed += sent - ended;
        long[] counted = Arrays.stream(latencies, uncounted, all).filter(nanos -> nanos > 0).sorted().toArray();
        var line = new StringBuilder().append(sent).append(' ').append(counted.length).append(' ').append(failed + all - sent);
        for (double quantile : new double[] {0.5, 0.9, 0.99, 0.999, 1}) {
            int at = (int) Math.min(counted.length - 1L, (long) (counted.length * quantile));
            line.append(' ').append(counted.length == 0 ? -1 : counted[at] / 1000);
        }
        IO.println(line);
    }
}

enum Progress {
    MORE,
    DONE,
    BROKEN
}

/// One connection with at most one request.
static final class Connection {
    final SocketChannel channel;
    final ByteBuffer buffer = ByteBuffer.allocateDirect(64 * 1024);
    long due;
    int number;
    private long bodyLeft;

    Connection(int port) throws IOException {
        channel = SocketChannel.open(new InetSocketAddress("127.0.0.1", port));
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        channel.configureBlocking(false);
    }

    void send(byte[] request, long due, int number) throws IOException {
        this.due = due;
        this.number = number;
        bodyLeft = -1;
        channel.write(ByteBuffer.wrap(request));
    }

    Progress read() throws IOException {
        int read;
        while ((read = channel.read(buffer)) > 0) {
            if (bodyLeft >= 0) {
                bodyLeft -= read;
                buffer.clear();
                continue;
            }
            var head = new byte[buffer.position()];
            buffer.get(0, head);
            String text = new String(head, StandardCharsets.ISO_8859_1);
            int end = text.indexOf("\r\n\r\n");
            if (end < 0) {
                continue;
            }
            String lower = text.substring(0, end + 2).toLowerCase(java.util.Locale.ROOT);
            int length = lower.indexOf("\r\ncontent-length:");
            if (!lower.startsWith("http/1.1 200") || length < 0) {
                return Progress.BROKEN;
            }
            bodyLeft = Long.parseLong(
                            lower.substring(length + 17, lower.indexOf("\r\n", length + 2)).strip())
                    - (head.length - end - 4);
            buffer.clear();
        }
        if (bodyLeft == 0) {
            bodyLeft = -1;
            return Progress.DONE;
        }
        return read < 0 ? Progress.BROKEN : Progress.MORE;
    }
}
