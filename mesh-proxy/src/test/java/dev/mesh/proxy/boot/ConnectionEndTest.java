package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.proxy.io.Loops;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// How connections end: so that no response is lost, and soon.
@NullUnmarked
@Timeout(60)
class ConnectionEndTest {
    private static final String UPLOAD = "POST /direct HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n";

    private static Loops loops;

    @BeforeAll
    static void startLoops() {
        loops = new Loops(1);
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    private static LiveProxy direct(String... hcm) throws Exception {
        return LiveProxy.with()
                .hcm(hcm)
                .route("{match: {path: /direct}, direct_response: {status: 403, body: {inline_string: no}}}")
                .cluster("up", 1)
                .start(loops);
    }

    @Test
    void anEarlyAnswerReachesAClientThatIsStillUploading() throws Exception {
        byte[] body = new byte[3_000_000];
        try (var proxy = direct("delayed_close_timeout: 10s")) {
            for (int i = 0; i < 10; i++) {
                try (var client = proxy.connect()) {
                    client.write(UPLOAD).write(body);
                    assertThat(client.readAll())
                            .startsWith("HTTP/1.1 403")
                            .contains("connection: close\r\n")
                            .endsWith("no");
                }
            }
            assertThat(proxy.stat("http.main.downstream_cx_delayed_close_timeout"))
                    .isZero();
        }
    }

    @Test
    void aRefusalReachesAClientThatIsStillSending() throws Exception {
        byte[] body = new byte[3_000_000];
        try (var proxy = direct("delayed_close_timeout: 10s")) {
            for (int i = 0; i < 10; i++) {
                try (var client = proxy.connect()) {
                    client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
                            .write(body);
                    assertThat(client.readAll()).startsWith("HTTP/1.1 400").endsWith("Bad Request");
                }
            }
        }
    }

    @Test
    void aClientThatNeverEndsIsCutOff() throws Exception {
        try (var proxy = direct("delayed_close_timeout: 0.1s");
                var client = proxy.connect()) {
            client.write(UPLOAD);
            assertThat(client.readAll()).startsWith("HTTP/1.1 403");
            while (proxy.stat("http.main.downstream_cx_active") > 0) {
                Thread.onSpinWait();
            }
            assertThat(proxy.stat("http.main.downstream_cx_delayed_close_timeout"))
                    .isEqualTo(1);
        }
    }

    @Test
    void withoutADelayTheConnectionIsClosedAtOnce() throws Exception {
        try (var proxy = direct("delayed_close_timeout: 0s");
                var client = proxy.connect()) {
            client.write(UPLOAD);
            assertThat(client.readAll()).startsWith("HTTP/1.1 403");
            while (proxy.stat("http.main.downstream_cx_active") > 0) {
                Thread.onSpinWait();
            }
            assertThat(proxy.stat("http.main.downstream_cx_delayed_close_timeout"))
                    .isZero();
        }
    }

    @Test
    void aDrainClosesConnectionsWithoutRequests() throws Exception {
        try (var proxy = direct();
                var fresh = proxy.connect();
                var used = proxy.connect()) {
            used.write("GET /direct HTTP/1.1\r\nHost: a\r\n\r\n");
            used.readUntil("no");
            // Both were accepted before the listening socket closes.
            while (proxy.stat("http.main.downstream_cx_active") < 2) {
                Thread.onSpinWait();
            }
            proxy.process().drain();
            fresh.socket().setSoTimeout(3000);
            used.socket().setSoTimeout(3000);
            assertThat(fresh.readAll()).isEmpty();
            assertThat(used.readAll()).isEmpty();
        }
    }

    @Test
    void aDrainLetsARequestEndAndSaysThatTheConnectionDoes() throws Exception {
        var asked = new CountDownLatch(1);
        var go = new CountDownLatch(1);
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.readHead();
                    asked.countDown();
                    await(go);
                    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                });
                var proxy = LiveProxy.with().cluster("up", upstream.port()).start(loops);
                var client = proxy.connect()) {
            client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            await(asked);
            proxy.process().drain();
            client.socket().setSoTimeout(400);
            try {
                assertThat(client.read(1)).isEmpty();
            } catch (SocketTimeoutException e) {
                go.countDown();
            }
            client.socket().setSoTimeout(3000);
            assertThat(client.readAll())
                    .startsWith("HTTP/1.1 200")
                    .contains("connection: close\r\n")
                    .endsWith("ok");
        }
    }

    @Test
    void aRequestJustAfterTheDrainIsStillAnswered() throws Exception {
        try (var proxy = direct();
                var client = proxy.connect()) {
            client.write("GET /direct HTTP/1.1\r\nHost: a\r\n\r\n");
            client.readUntil("no");
            proxy.process().drain();
            client.write("GET /direct HTTP/1.1\r\nHost: a\r\n\r\n");
            assertThat(client.readAll()).startsWith("HTTP/1.1 403").contains("connection: close\r\n");
        }
    }

    private static void await(CountDownLatch latch) throws IOException {
        try {
            if (!latch.await(10, TimeUnit.SECONDS)) {
                throw new IOException("did not come");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
