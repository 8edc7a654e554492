package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.proxy.io.Loops;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A response that its upstream cuts short never looks whole to the client.
@NullUnmarked
class CutShortTest {
    private static Loops loops;

    @BeforeAll
    static void start() {
        loops = new Loops(1);
    }

    @AfterAll
    static void stop() {
        loops.close();
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await(10, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static String through(String answer) throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.readHead();
                    peer.write(answer);
                });
                var proxy = LiveProxy.with().cluster("up", upstream.port()).start(loops);
                var client = proxy.connect()) {
            client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            String seen = client.readAll();
            assertThat(proxy.stat("http.main.downstream_rq_tx_reset"))
                    .isEqualTo(seen.startsWith("HTTP/1.1 200") ? 1 : 0);
            return seen;
        }
    }

    @Test
    void aBodyByLengthEndsWithTheConnectionAndFewerBytes() throws Exception {
        String seen = through("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");

        assertThat(seen)
                .startsWith("HTTP/1.1 200")
                .contains("content-length: 10\r\n")
                .endsWith("\r\n\r\nabc");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "5\r\nabc",
                "5\r\nabcde",
                "5\r\nabcde\r",
                "5\r\nabcde\r\n",
                "5\r\nabcde\r\n0",
                "5\r\nabcde\r\n0\r\n"
            })
    void aBodyByChunksIsNeverEnded(String body) throws Exception {
        String seen = through("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + body);

        assertThat(seen)
                .startsWith("HTTP/1.1 200")
                .contains("transfer-encoding: chunked")
                .doesNotContain("0\r\n\r\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "HTTP/1.1", "HTTP/1.1 200 OK\r\nx: y\r\n", "HTTP/1.1 100 Continue\r\n\r\n"})
    void aHeadThatNeverComesIsAnsweredWith503(String head) throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.readHead();
                    peer.write(head);
                });
                var proxy = LiveProxy.with().cluster("up", upstream.port()).start(loops);
                var client = proxy.connect()) {
            client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            assertThat(client.readAll())
                    .startsWith("HTTP/1.1 503")
                    .endsWith(
                            "upstream connect error or disconnect/reset before headers. reset reason: connection termination");
        }
    }

    @Test
    void aBodyToTheEndOfTheConnectionIsWholeWhenThatEndsInOrder() throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.readHead();
                    peer.write("HTTP/1.1 200 OK\r\n\r\nabc");
                });
                var proxy = LiveProxy.with().cluster("up", upstream.port()).start(loops);
                var client = proxy.connect()) {
            client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assertThat(client.readUntil("0\r\n\r\n")).contains("3\r\nabc\r\n");
        }
    }

    @Test
    void aConnectionThatIsResetEndsNoBodyToTheEndOfTheConnection() throws Exception {
        var seen = new CountDownLatch(1);
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.readHead();
                    peer.write("HTTP/1.1 200 OK\r\n\r\nabc");
                    awaitQuietly(seen);
                    peer.abort();
                });
                var proxy = LiveProxy.with().cluster("up", upstream.port()).start(loops);
                var client = proxy.connect()) {
            client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            client.readUntil("abc");
            seen.countDown();
            assertThat(client.readAll()).doesNotContain("0\r\n\r\n");
        }
    }
}
