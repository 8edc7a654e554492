package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.proxy.io.Loops;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Bytes that the proxy carries and does not understand: WebSocket and TCP.
@NullUnmarked
@Timeout(60)
class TunnelTest {
    private static Loops loops;

    @BeforeAll
    static void startLoops() {
        loops = new Loops(1);
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    private static final String UPGRADE = Peer.lines(
            "GET /chat HTTP/1.1",
            "Host: a",
            "Connection: keep-alive, Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
            "");

    @Test
    void aWebSocketCarriesBytesBothWays() throws Exception {
        var asked = new LinkedBlockingQueue<String>();
        try (var upstream = new ScriptedUpstream(peer -> {
                    asked.add(peer.readHead());
                    peer.write(Peer.lines(
                            "HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket", ""));
                    peer.write("first");
                    for (int i = 0; i < 100; i++) {
                        peer.write(peer.read(10));
                    }
                    peer.write("bye");
                });
                var proxy = LiveProxy.with()
                        .hcm("upgrade_configs: [{upgrade_type: websocket}]")
                        .cluster("up", upstream.port())
                        .start(loops);
                var client = proxy.connect()) {
            client.write(UPGRADE);
            assertThat(client.readHead())
                    .startsWith("HTTP/1.1 101 Switching Protocols\r\n")
                    .contains("connection: upgrade\r\n")
                    .contains("upgrade: websocket\r\n");
            assertThat(client.read(5)).isEqualTo("first");
            for (int i = 0; i < 100; i++) {
                String line = "message%03d".formatted(i).substring(0, 10);
                client.write(line);
                assertThat(client.read(10)).isEqualTo(line);
            }
            assertThat(client.readAll()).isEqualTo("bye");
            assertThat(asked.take())
                    .contains("upgrade: websocket\r\n")
                    .contains("connection: upgrade\r\n")
                    .contains("sec-websocket-key: x3JJHMbDL1EzLkh9GBhXDw==\r\n");
        }
    }

    @Test
    void whatFollowsARefusedUpgradeIsNoRequest() throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.readHead();
                    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno");
                    peer.readAll();
                });
                var proxy = LiveProxy.with()
                        .hcm("upgrade_configs: [{upgrade_type: websocket}]")
                        .cluster("up", upstream.port())
                        .start(loops);
                var client = proxy.connect()) {
            client.write(UPGRADE + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
            assertThat(client.readAll())
                    .startsWith("HTTP/1.1 200")
                    .contains("connection: close")
                    .endsWith("no");
            assertThat(upstream.accepted()).isEqualTo(1);
        }
    }

    @Test
    void anUpgradeThatIsNotTurnedOnIsRefused() throws Exception {
        try (var proxy = LiveProxy.with().cluster("up", 1).start(loops);
                var client = proxy.connect()) {
            client.write(UPGRADE);
            assertThat(client.readHead()).startsWith("HTTP/1.1 403");
        }
    }

    private static ProxyProcess tcp(int upstream) throws Exception {
        var proxy = new ProxyProcess(
                BootstrapReader.parse("test", """
                        static_resources:
                          listeners:
                          - name: main
                            address: {socket_address: {address: 127.0.0.1, port_value: 0}}
                            filter_chains:
                            - filters:
                              - name: tcp
                                typed_config:
                                  "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                                  stat_prefix: main
                                  cluster: up
                          clusters:
                          - name: up
                            type: STATIC
                            load_assignment: {cluster_name: up, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $port}}}}]}]}
                        """.replace("$port", Integer.toString(upstream))), loops);
        proxy.start();
        return proxy;
    }

    // Whether the end comes before the upstream connection is there or after it is a race: both are to be met.
    @RepeatedTest(20)
    void tcpGoesOnWhenTheClientHasEndedItsSide() throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> {
                    String all = peer.readAll();
                    for (int i = 0; i < 50; i++) {
                        peer.write(all);
                    }
                });
                var proxy = tcp(upstream.port());
                var client = Peer.connect(proxy.bound().get("main").getFirst().getPort())) {
            String part = "x".repeat(10_000);
            client.write(part);
            client.endOutput();
            assertThat(client.readAll()).isEqualTo(part.repeat(50));
        }
    }

    @Test
    void tcpGoesOnWhenTheUpstreamHasEndedItsSide() throws Exception {
        var got = new LinkedBlockingQueue<String>();
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.write("hello");
                    peer.endOutput();
                    got.add(peer.readAll());
                });
                var proxy = tcp(upstream.port());
                var client = Peer.connect(proxy.bound().get("main").getFirst().getPort())) {
            assertThat(client.readAll()).isEqualTo("hello");
            String part = "y".repeat(100_000);
            client.write(part);
            client.endOutput();
            assertThat(got.take()).isEqualTo(part);
        }
    }

    // The upstream reads nothing before everything stands still, so that writes to its ended side have to wait.
    @Test
    void nothingIsLostOnItsWayToAnUpstreamThatHasEndedItsSide() throws Exception {
        var got = new LinkedBlockingQueue<Integer>();
        var still = new CountDownLatch(1);
        var written = new AtomicLong();
        byte[] part = new byte[64 << 10];
        int parts = 512;
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.write("hello");
                    peer.endOutput();
                    try {
                        still.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                    got.add(peer.readAll().length());
                });
                var proxy = tcp(upstream.port());
                var client = Peer.connect(proxy.bound().get("main").getFirst().getPort())) {
            assertThat(client.readAll()).isEqualTo("hello");
            var writing = Thread.ofVirtual().start(() -> {
                try {
                    for (int i = 0; i < parts; i++) {
                        client.write(part);
                        written.addAndGet(part.length);
                    }
                    client.socket().close();
                } catch (IOException e) {
                    got.add(-1);
                }
            });
            var last = new AtomicLong(-1);
            await().atMost(Duration.ofSeconds(30))
                    .pollInterval(Duration.ofMillis(100))
                    .until(() -> written.get() > 0 && last.getAndSet(written.get()) == written.get());
            still.countDown();
            assertThat(got.poll(30, TimeUnit.SECONDS)).isEqualTo(parts * part.length);
            writing.join();
        }
    }
}
