package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.proxy.io.Loops;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Tries and their limits: what one takes it gives back, and nothing is counted twice.
@NullUnmarked
@Timeout(60)
class UpstreamTriesTest {
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
    void anOverflowIsCountedOnce() throws Exception {
        try (var upstream = new ScriptedUpstream(Peer::readAll);
                var proxy = LiveProxy.with()
                        .cluster("up", upstream.port(), "circuit_breakers: {thresholds: [{max_pending_requests: 0}]}")
                        .cluster("other", upstream.port(), "circuit_breakers: {thresholds: [{max_requests: 0}]}")
                        .route("{match: {path: /other}, route: {cluster: other}}")
                        .start(loops);
                var client = proxy.connect()) {
            client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assertThat(client.readHead()).startsWith("HTTP/1.1 503").contains("x-envoy-overloaded: true");
            client.readUntil("reset reason: overflow");
            client.write("GET /other HTTP/1.1\r\nHost: a\r\n\r\n");
            assertThat(client.readHead()).startsWith("HTTP/1.1 503").contains("x-envoy-overloaded: true");
            assertThat(proxy.stat("cluster.up.upstream_rq_pending_overflow")).isEqualTo(1);
            assertThat(proxy.stat("cluster.other.upstream_rq_pending_overflow")).isEqualTo(1);
        }
    }

    @Test
    void aRetryCountsUntilSomethingHasBecomeOfIt() throws Exception {
        var tries = new AtomicInteger();
        var retried = new CountDownLatch(1);
        var go = new CountDownLatch(1);
        try (var upstream = new ScriptedUpstream(peer -> {
                    while (true) {
                        String head = peer.readHead();
                        tries.incrementAndGet();
                        if (head.contains("x-envoy-attempt-count: 2")) {
                            retried.countDown();
                            await(go);
                            peer.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                        } else {
                            peer.write("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n");
                        }
                    }
                });
                var proxy = LiveProxy.with()
                        .route("{match: {prefix: /}, route: {cluster: up, retry_policy: {retry_on: 5xx, "
                                + "retry_back_off: {base_interval: 0.001s}}}}")
                        .virtualHost("include_request_attempt_count: true")
                        .cluster("up", upstream.port(), "circuit_breakers: {thresholds: [{max_retries: 1}]}")
                        .start(loops);
                var one = proxy.connect();
                var two = proxy.connect()) {
            one.write("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
            await(retried);
            two.write("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
            assertThat(two.readHead()).startsWith("HTTP/1.1 500");
            assertThat(proxy.stat("cluster.up.upstream_rq_retry_overflow")).isEqualTo(1);
            go.countDown();
            assertThat(one.readHead()).startsWith("HTTP/1.1 200");
            // There is room again.
            two.write("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
            assertThat(two.readHead()).startsWith("HTTP/1.1 200");
            assertThat(tries).hasValue(5);
        }
    }

    @Test
    void aTryThatIsGivenUpLetsTheRequestGoOn() throws Exception {
        int size = 12 << 20;
        var connections = new AtomicInteger();
        var got = new AtomicLong();
        var done = new CountDownLatch(1);
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.readHead();
                    if (connections.incrementAndGet() == 1) {
                        // Takes no more than the sockets do: the proxy has to hold the request back.
                        await(done);
                        return;
                    }
                    while (got.get() < size) {
                        got.addAndGet(peer.read(1).length() + peer.drain());
                    }
                    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                });
                var proxy = LiveProxy.with()
                        .listener("per_connection_buffer_limit_bytes: 33554432")
                        .route("{match: {prefix: /}, route: {cluster: up, retry_policy: {retry_on: 5xx, "
                                + "per_try_timeout: 1s, retry_back_off: {base_interval: 0.001s}}}}")
                        .cluster("up", upstream.port(), "per_connection_buffer_limit_bytes: 16384")
                        .start(loops);
                var client = proxy.connect()) {
            client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + size + "\r\n\r\n");
            client.write(new byte[size]);
            assertThat(client.readHead()).startsWith("HTTP/1.1 200");
            assertThat(got).hasValue(size);
        } finally {
            done.countDown();
        }
    }

    private static void await(CountDownLatch latch) throws IOException {
        try {
            if (!latch.await(20, TimeUnit.SECONDS)) {
                throw new IOException("did not come");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
