package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.proxy.io.Loops;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A side that does not read holds back the side that sends: what is on its way is bounded by the sockets'
/// buffers and the proxy's limit, not by the size of the message.
@NullUnmarked
@Timeout(120)
class BackPressureTest {
    private static final int SIZE = 96 << 20;
    // Two connections with a send and a receive buffer each, as large as the kernel lets them grow.
    private static final long BUFFERS = 32L << 20;
    private static final String LIMIT = "per_connection_buffer_limit_bytes: 32768";

    private static Loops loops;

    @BeforeAll
    static void startLoops() {
        loops = new Loops(1);
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    /// Writes until all is written, counting.
    private static void pour(Peer peer, AtomicLong written) throws IOException {
        byte[] part = new byte[64 << 10];
        while (written.get() < SIZE) {
            peer.write(part);
            written.addAndGet(part.length);
        }
    }

    private static void awaitStandstill(AtomicLong written) {
        var last = new AtomicLong(-1);
        await().atMost(Duration.ofSeconds(30))
                .pollInterval(Duration.ofMillis(300))
                .until(() -> written.get() > 0 && last.getAndSet(written.get()) == written.get());
    }

    private static Peer slowClient(LiveProxy proxy) throws IOException {
        var socket = new Socket();
        socket.setReceiveBufferSize(16 << 10);
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), proxy.port()));
        return new Peer(socket);
    }

    private static long takeAll(Peer peer) throws IOException {
        long taken = 0;
        while (taken < SIZE) {
            taken += peer.read(1).length() + peer.drain();
        }
        return taken;
    }

    @Test
    void aClientThatDoesNotReadHoldsBackTheUpstream() throws Exception {
        var written = new AtomicLong();
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.readHead();
                    peer.write("HTTP/1.1 200 OK\r\ncontent-length: " + SIZE + "\r\n\r\n");
                    pour(peer, written);
                    peer.readHead();
                });
                var proxy = LiveProxy.with()
                        .listener(LIMIT)
                        .cluster("up", upstream.port(), LIMIT)
                        .start(loops);
                var client = slowClient(proxy)) {
            client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            client.readHead();
            awaitStandstill(written);
            assertThat(written.get()).isLessThan(BUFFERS);
            assertThat(takeAll(client)).isEqualTo(SIZE);
        }
    }

    @Test
    void anUpstreamThatDoesNotReadHoldsBackTheClient() throws Exception {
        var written = new AtomicLong();
        var go = new java.util.concurrent.CountDownLatch(1);
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.readHead();
                    try {
                        go.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                    takeAll(peer);
                    peer.write("HTTP/1.1 204 Done\r\n\r\n");
                });
                var proxy = LiveProxy.with()
                        .listener(LIMIT)
                        .cluster("up", upstream.port(), LIMIT)
                        .start(loops);
                var client = proxy.connect()) {
            client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + SIZE + "\r\n\r\n");
            var sender = Thread.ofVirtual().start(() -> {
                try {
                    pour(client, written);
                } catch (IOException e) {
                    // shows in what was written
                }
            });
            awaitStandstill(written);
            assertThat(written.get()).isLessThan(BUFFERS);
            go.countDown();
            sender.join();
            assertThat(client.readHead()).startsWith("HTTP/1.1 204");
            assertThat(written.get()).isEqualTo(SIZE);
        }
    }

    @Test
    void anHttp2ClientThatGivesNoWindowHoldsBackTheUpstream() throws Exception {
        var written = new AtomicLong();
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.readHead();
                    peer.write("HTTP/1.1 200 OK\r\ncontent-length: " + SIZE + "\r\n\r\n");
                    pour(peer, written);
                    peer.readHead();
                });
                var proxy = LiveProxy.with()
                        .listener(LIMIT)
                        .cluster("up", upstream.port(), LIMIT)
                        .start(loops);
                var peer = proxy.connect()) {
            var client = Http2Peer.client(peer).get(1, "/");
            long taken = 0;
            while (taken < 65535) {
                taken += client.next(Http2Peer.DATA).payload().length;
            }
            // No window is left: another stream of the connection waits, one of another connection does not.
            awaitStandstill(written);
            assertThat(written.get()).isLessThan(BUFFERS);
            client.send(Http2Peer.WINDOW_UPDATE, 0, 0, new byte[] {0x7f, 0, 0, 0})
                    .send(Http2Peer.WINDOW_UPDATE, 0, 1, new byte[] {0x7f, 0, 0, 0});
            Http2Peer.Frame frame = null;
            while (taken < SIZE) {
                frame = client.next();
                if (frame.type() == Http2Peer.DATA) {
                    taken += frame.payload().length;
                }
            }
            assertThat(taken).isEqualTo(SIZE);
        }
    }
}
