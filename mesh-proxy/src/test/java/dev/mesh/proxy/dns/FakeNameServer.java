package dev.mesh.proxy.dns;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/// A name server of the world outside, over UDP and TCP. What it does, the first label of a name says:
///
/// - `silent` nothing
/// - `servfail`, `nx` RCODE 2, 3
/// - `big` 60 addresses, by UDP cut short
/// - `medium` 60 addresses by TCP, by UDP cut short whatever the client takes
/// - `forged` first an answer under another number and one to another question, then its own
/// - anything else: 192.0.2.1, or for AAAA 2001:db8::1
///
/// `main` runs one on port 53 of an address until its input ends.
final class FakeNameServer implements AutoCloseable {
    private static final int MANY = 60;

    private final DatagramSocket udp;
    private final ServerSocket tcp;
    private final List<String> asked = new CopyOnWriteArrayList<>();

    FakeNameServer() throws IOException {
        this(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    }

    FakeNameServer(InetSocketAddress at) throws IOException {
        Sockets sockets = bind(at);
        udp = sockets.udp();
        tcp = sockets.tcp();
        Thread.ofVirtual().start(this::datagrams);
        Thread.ofVirtual().start(this::connections);
    }

    private record Sockets(DatagramSocket udp, ServerSocket tcp) {}

    // A port that is free for UDP need not be so for TCP.
    private static Sockets bind(InetSocketAddress at) throws IOException {
        while (true) {
            var udp = new DatagramSocket(at);
            try {
                return new Sockets(udp, new ServerSocket(udp.getLocalPort(), 50, at.getAddress()));
            } catch (IOException e) {
                udp.close();
                if (at.getPort() != 0) {
                    throw e;
                }
            }
        }
    }

    public static void main(String[] args) throws IOException {
        try (var server = new FakeNameServer(new InetSocketAddress(args[0], 53))) {
            System.out.println("ready");
            System.in.readAllBytes();
            server.asked.forEach(System.out::println);
        }
    }

    InetSocketAddress address() {
        return (InetSocketAddress) udp.getLocalSocketAddress();
    }

    /// `udp|tcp name type`, in the order in which they came.
    List<String> asked() {
        return asked;
    }

    private void datagrams() {
        var buffer = new byte[4096];
        try {
            while (true) {
                var packet = new DatagramPacket(buffer, buffer.length);
                udp.receive(packet);
                for (byte[] answer : answers(Arrays.copyOf(buffer, packet.getLength()), false)) {
                    udp.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
                }
            }
        } catch (IOException e) {
            tcp.isClosed(); // closed
        }
    }

    private void connections() {
        try {
            while (true) {
                Socket client = tcp.accept();
                Thread.ofVirtual().start(() -> connection(client));
            }
        } catch (IOException e) {
            udp.isClosed(); // closed
        }
    }

    private void connection(Socket client) {
        try (client) {
            var in = new DataInputStream(client.getInputStream());
            while (true) {
                var query = new byte[in.readUnsignedShort()];
                in.readFully(query);
                for (byte[] answer : answers(query, true)) {
                    client.getOutputStream()
                            .write(ByteBuffer.allocate(answer.length + 2)
                                    .putShort((short) answer.length)
                                    .put(answer)
                                    .array());
                }
            }
        } catch (IOException e) {
            tcp.isClosed(); // its client went
        }
    }

    private List<byte[]> answers(byte[] query, boolean byTcp) {
        int end = 12;
        var labels = new ArrayList<String>();
        while (query[end] != 0) {
            labels.add(new String(query, end + 1, query[end], java.nio.charset.StandardCharsets.US_ASCII));
            end += query[end] + 1;
        }
        int type = ByteBuffer.wrap(query).getShort(end + 1);
        byte[] section = Arrays.copyOfRange(query, 12, end + 5);
        asked.add((byTcp ? "tcp " : "udp ") + String.join(".", labels) + " " + type);
        int id = ByteBuffer.wrap(query).getShort(0);
        byte[] one = type == 28 ? InetAddress.ofLiteral("2001:db8::1").getAddress() : new byte[] {(byte) 192, 0, 2, 1};
        int records = type == 1 || type == 28 ? 1 : 0;
        return switch (labels.getFirst().toLowerCase(java.util.Locale.ROOT)) {
            case "silent" -> List.of();
            case "servfail" -> List.of(answer(id, 2, section, type, one, 0, 0));
            case "nx" -> List.of(answer(id, 3, section, type, one, 0, 0));
            case "big", "medium" ->
                List.of(answer(id, 0, section, type, one, byTcp ? MANY : 1, byTcp ? 0 : Question.FLAG_TRUNCATED));
            case "forged" -> {
                byte[] other = section.clone();
                other[1] = 'F' + 1;
                yield List.of(
                        answer(id + 1, 0, section, type, new byte[] {6, 6, 6, 6}, 1, 0),
                        answer(id, 0, other, type, new byte[] {6, 6, 6, 6}, 1, 0),
                        answer(id, 0, section, type, one, records, 0));
            }
            default -> List.of(answer(id, 0, section, type, one, records, 0));
        };
    }

    private static byte[] answer(int id, int code, byte[] section, int type, byte[] one, int records, int flags) {
        var out = ByteBuffer.allocate(12 + section.length + records * (12 + one.length));
        out.putShort((short) id)
                .putShort((short) (0x8180 | flags | code))
                .putShort((short) 1)
                .putShort((short) records)
                .putInt(0)
                .put(section);
        for (int i = 0; i < records; i++) {
            byte[] address = one.clone();
            address[address.length - 1] = (byte) (i + 1);
            out.putShort((short) 0xc00c)
                    .putShort((short) type)
                    .putShort((short) 1)
                    .putInt(300)
                    .putShort((short) address.length)
                    .put(address);
        }
        return out.array();
    }

    @Override
    public void close() throws IOException {
        udp.close();
        tcp.close();
    }
}
