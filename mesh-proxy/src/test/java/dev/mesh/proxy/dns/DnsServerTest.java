package dev.mesh.proxy.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.api.proto.istio.nds.NameTable.NameInfo;
import dev.mesh.proxy.io.Loops;
import io.netty.buffer.ByteBufUtil;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import javax.naming.NameNotFoundException;
import javax.naming.NamingException;
import javax.naming.ServiceUnavailableException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The server, asked by the JDK's DNS client where that can ask, and by bytes.
@Timeout(60)
class DnsServerTest {
    private static final InetAddress LOOPBACK = InetAddress.ofLiteral("127.0.0.1");
    private static final Duration SHORT = Duration.ofMillis(600);
    private static final NameTable TABLE = NameTable.newBuilder()
            .putTable(
                    "reviews.shop.svc.cluster.local",
                    NameInfo.newBuilder()
                            .setRegistry("Kubernetes")
                            .setShortname("reviews")
                            .setNamespace("shop")
                            .addIps("10.96.0.11")
                            .build())
            .putTable("db.internal", external("240.240.0.1", "2001:2::f0f0:1"))
            .putTable("nx.internal", external("240.240.0.2"))
            .putTable(
                    "many.internal",
                    NameInfo.newBuilder()
                            .addAllIps(IntStream.rangeClosed(1, 200)
                                    .mapToObj(n -> "10.1.0." + n)
                                    .toList())
                            .build())
            .build();

    private final Loops loops = new Loops(1);
    private FakeNameServer outside;
    private @Nullable DnsServer server;

    private static NameInfo external(String... addresses) {
        return NameInfo.newBuilder()
                .setRegistry("External")
                .addAllIps(List.of(addresses))
                .build();
    }

    @BeforeEach
    void world() throws IOException {
        outside = new FakeNameServer();
    }

    @AfterEach
    void end() throws IOException {
        if (server != null) {
            server.close();
        }
        outside.close();
        loops.close();
    }

    private DnsServer start(boolean parallel, InetSocketAddress... upstreams) throws IOException {
        DnsServer started = DnsServer.start(
                new DnsServer.Settings(
                        List.of(LOOPBACK),
                        0,
                        "shop",
                        "shop.svc.cluster.local",
                        List.of(upstreams),
                        List.of("shop.svc.cluster.local"),
                        parallel),
                loops,
                SHORT);
        server = started;
        return started;
    }

    private DnsServer start() throws IOException {
        DnsServer started = start(false, outside.address());
        started.names(TABLE);
        return started;
    }

    private static List<String> ask(DnsServer at, String name, String type) throws NamingException {
        return JdkClient.ask(at.port(), name, type);
    }

    private static byte[] query(int id, String name, int type) {
        var out = ByteBuffer.allocate(512);
        out.putShort((short) id)
                .putShort((short) 0x0100)
                .putShort((short) 1)
                .putShort((short) 0)
                .putInt(0);
        for (String label : name.split("\\.")) {
            out.put((byte) label.length()).put(label.getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        }
        out.put((byte) 0).putShort((short) type).putShort((short) 1);
        return Arrays.copyOf(out.array(), out.position());
    }

    private static byte[] extended(byte[] query, int size) {
        byte[] longer = Arrays.copyOf(query, query.length + 11);
        longer[11] = 1;
        ByteBuffer.wrap(longer).position(query.length + 1).putShort((short) 41).putShort((short) size);
        return longer;
    }

    private static byte[] byUdp(DnsServer at, byte[] query) throws IOException {
        try (var socket = new DatagramSocket()) {
            socket.connect(new InetSocketAddress(LOOPBACK, at.port()));
            socket.setSoTimeout(20_000);
            socket.send(new DatagramPacket(query, query.length));
            var packet = new DatagramPacket(new byte[65535], 65535);
            socket.receive(packet);
            return Arrays.copyOf(packet.getData(), packet.getLength());
        }
    }

    private static int code(byte[] answer) {
        return answer[3] & 0xf;
    }

    private static int records(byte[] answer) {
        return ByteBuffer.wrap(answer).getShort(6);
    }

    private static boolean isCut(byte[] answer) {
        return (answer[2] & 2) != 0;
    }

    @Test
    void namesOfTheMeshAreAnsweredAndAskedOfNobody() throws Exception {
        DnsServer running = start();
        assertThat(ask(running, "reviews", "A")).containsExactly("10.96.0.11");
        assertThat(ask(running, "Reviews.SHOP.svc.cluster.local", "A")).containsExactly("10.96.0.11");
        assertThat(ask(running, "db.internal", "AAAA")).containsExactly("2001:2::f0f0:1");
        assertThat(outside.asked()).isEmpty();
        assertThat(running.metrics())
                .contains("istio_agent_dns_requests_total 3\n", "istio_agent_dns_upstream_requests_total 0\n");
    }

    @Test
    void aNameWithoutAddressesOfAFamilyIsThereAllTheSame() throws Exception {
        byte[] answer = byUdp(start(), query(7, "reviews", 28));
        assertThat(code(answer)).isZero();
        assertThat(records(answer)).isZero();
        assertThat(outside.asked()).isEmpty();
    }

    @Test
    void aSearchedNameIsAnAliasAndItsAddressesInOneAnswer() throws Exception {
        byte[] answer = byUdp(start(), query(0x1234, "DB.internal.shop.svc.cluster.local", 1));
        // The question as it was asked; an alias for 30 s; the address by a reference to the alias's text.
        assertThat(ByteBufUtil.hexDump(answer))
                .isEqualTo(("1234 8580 0001 0002 0000 0000 "
                                + "02 4442 08 696e7465726e616c 04 73686f70 03 737663 07 636c7573746572 05 6c6f63616c 00 0001"
                                + " 0001 c00c 0005 0001 0000001e 000d 02 6462 08 696e7465726e616c 00"
                                + " c040 0001 0001 0000001e 0004 f0f00001")
                        .replace(" ", ""));
    }

    @Test
    void theOrderOfAddressesChanges() throws Exception {
        DnsServer running = start();
        var firsts = new TreeSet<String>();
        await().until(() -> {
            firsts.add(ask(running, "many.internal", "A").getFirst());
            return firsts.size() > 3;
        });
    }

    @Test
    void whatDoesNotFitIsCutAndWholeByTcp() throws Exception {
        DnsServer running = start();
        byte[] plain = byUdp(running, query(1, "many.internal", 1));
        assertThat(plain.length).isLessThanOrEqualTo(512);
        assertThat(isCut(plain)).isTrue();
        assertThat(records(plain)).isEqualTo((512 - 12 - 19) / 16);
        byte[] more = byUdp(running, extended(query(1, "many.internal", 1), 1232));
        assertThat(more.length).isBetween(1200, 1232);
        assertThat(isCut(more)).isTrue();
        byte[] all = byUdp(running, extended(query(1, "many.internal", 1), 4096));
        assertThat(isCut(all)).isFalse();
        assertThat(records(all)).isEqualTo(200);
        assertThat(ask(running, "many.internal", "A")).hasSize(200);
    }

    @Test
    void everythingElseIsAskedOutside() throws Exception {
        DnsServer running = start();
        assertThat(ask(running, "www.example.org", "A")).containsExactly("192.0.2.1");
        assertThat(ask(running, "www.example.org", "AAAA")).containsExactly("2001:db8::1");
        assertThatThrownBy(() -> ask(running, "nx.example.org", "A")).isInstanceOf(NameNotFoundException.class);
        assertThat(running.metrics())
                .contains("istio_agent_dns_upstream_requests_total 3\n")
                .contains("istio_agent_dns_upstream_request_duration_seconds_count 3\n")
                .contains("istio_agent_dns_upstream_failures_total 0\n");
    }

    /// Its kinds of records may be known outside, but that there is no such name cannot.
    @Test
    void otherKindsOfRecordsOfANameOfTheMeshAreAskedOutside() throws Exception {
        byte[] answer = byUdp(start(), query(9, "nx.internal", 65));
        assertThat(code(answer)).isZero();
        assertThat(records(answer)).isZero();
        assertThat(outside.asked()).containsExactly("udp nx.internal 65");
    }

    @Test
    void beforeThereIsATableNothingIsKnown() throws Exception {
        DnsServer running = start(false, outside.address());
        assertThat(running.hasNames()).isFalse();
        assertThat(code(byUdp(running, query(1, "www.example.org", 1)))).isEqualTo(Answers.SERVER_FAILURE);
        assertThat(outside.asked()).isEmpty();
        running.names(NameTable.getDefaultInstance());
        assertThat(running.hasNames()).isTrue();
        assertThat(ask(running, "www.example.org", "A")).containsExactly("192.0.2.1");
    }

    @Test
    void aServersShortAnswerIsAskedForByTcp() throws Exception {
        DnsServer running = start();
        byte[] answer = byUdp(running, extended(query(0x77, "medium.example.org", 1), 4096));
        assertThat(records(answer)).isEqualTo(60);
        assertThat(isCut(answer)).isFalse();
        assertThat(ByteBuffer.wrap(answer).getShort(0)).isEqualTo((short) 0x77);
        assertThat(outside.asked()).containsExactly("udp medium.example.org 1", "tcp medium.example.org 1");
        // What is too long for the client stays short, and its client asks by TCP.
        assertThat(isCut(byUdp(running, query(1, "big.example.org", 1)))).isTrue();
        assertThat(ask(running, "big.example.org", "A")).hasSize(60);
    }

    @Test
    void whatIsNoAnswerToTheQuestionIsNotHeard() throws Exception {
        assertThat(ask(start(), "forged.example.org", "A")).containsExactly("192.0.2.1");
    }

    @Test
    void serversAreAskedInTurn() throws Exception {
        try (var second = new FakeNameServer();
                var nobody = new DatagramSocket(new InetSocketAddress(LOOPBACK, 0))) {
            var silent = (InetSocketAddress) nobody.getLocalSocketAddress();
            DnsServer running = start(false, silent, outside.address(), second.address());
            running.names(TABLE);
            assertThat(ask(running, "www.example.org", "A")).containsExactly("192.0.2.1");
            assertThat(second.asked()).isEmpty();
            // One that says it cannot is as good as none.
            assertThat(code(byUdp(running, query(1, "servfail.example.org", 1))))
                    .isEqualTo(Answers.SERVER_FAILURE);
            assertThat(second.asked()).containsExactly("udp servfail.example.org 1");
        }
    }

    @Test
    void aServerThatIsNotThereCostsNoTime() throws Exception {
        InetSocketAddress gone;
        try (var nobody = new DatagramSocket(new InetSocketAddress(LOOPBACK, 0))) {
            gone = (InetSocketAddress) nobody.getLocalSocketAddress();
        }
        DnsServer running = DnsServer.start(
                new DnsServer.Settings(
                        List.of(LOOPBACK), 0, "shop", "", List.of(gone, outside.address()), List.of(), false),
                loops,
                Duration.ofHours(1));
        server = running;
        running.names(TABLE);
        assertThat(ask(running, "www.example.org", "A")).containsExactly("192.0.2.1");
    }

    @Test
    void allAtOnceTheFirstAnswerCounts() throws Exception {
        try (var second = new FakeNameServer()) {
            DnsServer running = start(true, outside.address(), second.address());
            running.names(TABLE);
            assertThat(code(byUdp(running, query(1, "silent.example.org", 1)))).isEqualTo(Answers.SERVER_FAILURE);
            assertThat(outside.asked()).hasSize(1);
            assertThat(second.asked()).hasSize(1);
        }
    }

    @Test
    void whenNobodyAnswersThatIsSaid() throws Exception {
        DnsServer running = start();
        assertThatThrownBy(() -> ask(running, "silent.example.org", "A"))
                .isInstanceOf(ServiceUnavailableException.class);
        assertThat(running.metrics()).contains("istio_agent_dns_upstream_failures_total 1\n");
        DnsServer alone = start(false);
        alone.names(TABLE);
        assertThat(code(byUdp(alone, query(1, "www.example.org", 1)))).isEqualTo(Answers.SERVER_FAILURE);
    }

    @Test
    void atMostSoManyQuestionsAreUnderWay() throws Exception {
        DnsServer running = DnsServer.start(
                new DnsServer.Settings(List.of(LOOPBACK), 0, "shop", "", List.of(outside.address()), List.of(), false),
                loops,
                Duration.ofHours(1));
        server = running;
        running.names(TABLE);
        try (var socket = new DatagramSocket()) {
            socket.connect(new InetSocketAddress(LOOPBACK, running.port()));
            socket.setSoTimeout(50);
            var packet = new DatagramPacket(new byte[512], 512);
            int sent = 0;
            // One that is not answered at once is under way.
            for (int refused = 0; refused == 0; ) {
                for (int i = 0; i < 32; i++) {
                    byte[] query = query(sent++, "silent.example.org", 1);
                    socket.send(new DatagramPacket(query, query.length));
                }
                try {
                    socket.receive(packet);
                    assertThat(code(packet.getData())).isEqualTo(Answers.SERVER_FAILURE);
                    refused++;
                } catch (java.net.SocketTimeoutException e) {
                    assertThat(sent).isLessThan(Forwarder.MOST_AT_ONCE + 64);
                }
            }
        }
        assertThat(running.metrics()).doesNotContain("istio_agent_dns_overflow_total 0\n");
        assertThat(byUdp(running, query(1, "db.internal", 1)))
                .satisfies(answer -> assertThat(records(answer))
                        .as("names of the mesh are answered all the same")
                        .isEqualTo(1));
    }

    @Test
    void whatIsNoQueryIsDroppedAndCounted() throws Exception {
        DnsServer running = start();
        try (var socket = new DatagramSocket()) {
            socket.connect(new InetSocketAddress(LOOPBACK, running.port()));
            socket.send(new DatagramPacket(new byte[] {1, 2, 3}, 3));
        }
        await().until(() -> running.metrics().contains("istio_agent_dns_malformed_total 1\n"));
        try (var socket = new Socket(LOOPBACK, running.port())) {
            socket.getOutputStream().write(new byte[] {0, 3, 1, 2, 3});
            assertThat(socket.getInputStream().read()).isEqualTo(-1);
        }
        try (var socket = new Socket(LOOPBACK, running.port())) {
            socket.getOutputStream().write(new byte[] {(byte) 0xff, (byte) 0xff, 1});
            assertThat(socket.getInputStream().read())
                    .as("longer than any query")
                    .isEqualTo(-1);
        }
        assertThat(running.metrics()).contains("istio_agent_dns_malformed_total 3\n");
        assertThat(ask(running, "db.internal", "A")).containsExactly("240.240.0.1");
    }

    @Test
    void queriesOfOneConnectionOvertakeEachOther() throws Exception {
        DnsServer running = start();
        try (var socket = new Socket(LOOPBACK, running.port())) {
            byte[] slow = query(1, "silent.example.org", 1);
            byte[] quick = query(2, "db.internal", 1);
            var out = ByteBuffer.allocate(slow.length + quick.length + 4);
            out.putShort((short) slow.length)
                    .put(slow)
                    .putShort((short) quick.length)
                    .put(quick);
            socket.getOutputStream().write(out.array());
            var in = new DataInputStream(socket.getInputStream());
            for (int expected : new int[] {2, 1}) {
                var answer = new byte[in.readUnsignedShort()];
                in.readFully(answer);
                assertThat(answer[1]).isEqualTo((byte) expected);
            }
        }
    }

    @Test
    void aTakenPortIsSaid() throws Exception {
        int taken = start().port();
        assertThatThrownBy(() -> DnsServer.start(
                        new DnsServer.Settings(List.of(LOOPBACK), taken, "shop", "", List.of(), List.of(), false),
                        loops))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("cannot answer DNS questions at 127.0.0.1:" + taken + " (UDP): ");
    }
}
