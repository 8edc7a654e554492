package dev.mesh.proxy.tls;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.Test;

class ClientHelloTest {
    private static byte[] hello(String name, String... protocols) throws Exception {
        var engine = SSLContext.getDefault().createSSLEngine();
        engine.setUseClientMode(true);
        var parameters = engine.getSSLParameters();
        if (!name.isEmpty()) {
            parameters.setServerNames(List.of(new SNIHostName(name)));
        }
        parameters.setApplicationProtocols(protocols);
        engine.setSSLParameters(parameters);
        var out = ByteBuffer.allocate(32 << 10);
        engine.wrap(ByteBuffer.allocate(0), out);
        var bytes = new byte[out.flip().remaining()];
        out.get(bytes);
        return bytes;
    }

    private static ClientHello.Read read(byte... bytes) {
        ByteBuf in = Unpooled.wrappedBuffer(bytes);
        var read = ClientHello.read(in);
        assertThat(in.readableBytes()).as("nothing is consumed").isEqualTo(bytes.length);
        return read;
    }

    @Test
    void theNameAndTheProtocolsAreFound() throws Exception {
        assertThat(read(hello("Shop.Example", "h2", "http/1.1")))
                .isEqualTo(
                        new ClientHello.Read.Found(new ClientHello("shop.example", List.of("h2", "http/1.1"), true)));
        assertThat(read(hello(""))).isEqualTo(new ClientHello.Read.Found(new ClientHello("", List.of(), true)));
    }

    @Test
    void everyPartOfItIsIncompleteAndNoneIsTakenForAnythingElse() throws Exception {
        byte[] whole = hello("shop.example", "h2");
        for (int i = 0; i < whole.length; i++) {
            assertThat(read(java.util.Arrays.copyOf(whole, i)))
                    .as("first %d bytes", i)
                    .isEqualTo(ClientHello.Read.Other.INCOMPLETE);
        }
    }

    @Test
    void itMayBeSpreadOverManyRecords() throws Exception {
        byte[] whole = hello("shop.example", "h2");
        ByteBuf spread = Unpooled.buffer();
        for (int i = 5; i < whole.length; i += 7) {
            int size = Math.min(7, whole.length - i);
            spread.writeByte(22).writeShort(0x0301).writeShort(size).writeBytes(whole, i, size);
        }
        assertThat(ClientHello.read(spread))
                .isEqualTo(new ClientHello.Read.Found(new ClientHello("shop.example", List.of("h2"), true)));
    }

    @Test
    void whatIsNotTlsIsSaidSoAtOnce() throws Exception {
        assertThat(read("GET / HTTP/1.1\r\n".getBytes(StandardCharsets.US_ASCII)))
                .isEqualTo(ClientHello.Read.Other.NOT_TLS);
        assertThat(read((byte) 0)).isEqualTo(ClientHello.Read.Other.NOT_TLS);
        assertThat(read((byte) 22, (byte) 9)).isEqualTo(ClientHello.Read.Other.NOT_TLS);
        assertThat(read(new byte[] {22, 3, 1, 0, 4, 2, 0, 0, 0}))
                .as("a server's hello")
                .isEqualTo(ClientHello.Read.Other.NOT_TLS);
        assertThat(read(new byte[] {22, 3, 1, 0, 0})).as("an empty record").isEqualTo(ClientHello.Read.Other.NOT_TLS);
        byte[] broken = hello("shop.example");
        broken[5 + 4 + 2 + 32] = (byte) 255; // a session that would go beyond the end
        broken[3] = 0;
        broken[4] = 60;
        broken[6] = 0;
        broken[7] = 0;
        broken[8] = 56;
        assertThat(read(java.util.Arrays.copyOf(broken, 65))).isEqualTo(ClientHello.Read.Other.NOT_TLS);
    }

    @Test
    void whatIsTooLongIsRefusedBeforeItIsThere() {
        assertThat(read(new byte[] {22, 3, 1, 0, 4, 1, 0, 0x40, 1})).isEqualTo(ClientHello.Read.Other.TOO_LONG);
        assertThat(read(new byte[] {22, 3, 1, 0, 4, 1, (byte) 0xff, (byte) 0xff, (byte) 0xff}))
                .isEqualTo(ClientHello.Read.Other.TOO_LONG);
        ByteBuf slow = Unpooled.buffer();
        slow.writeByte(22).writeShort(0x0301).writeShort(4).writeInt(0x01003000);
        while (slow.readableBytes() < ClientHello.MAX_BYTES) {
            slow.writeByte(22).writeShort(0x0301).writeShort(1).writeByte(0);
        }
        assertThat(ClientHello.read(slow))
                .as("a hello in records of one byte")
                .isEqualTo(ClientHello.Read.Other.TOO_LONG);
    }
}
