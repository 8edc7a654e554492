package dev.mesh.proxy.tls;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What a TLS client says first (RFC 8446 4.1.2), as far as filter chains and certificates are chosen by it.
///
/// @param serverName SNI in lower case; empty = none
/// @param protocols offered by ALPN, in the client's order
/// @param ecdsa whether the client takes certificates with ECDSA keys
public record ClientHello(String serverName, List<String> protocols, boolean ecdsa) {
    /// As much as Envoy's TLS inspector looks at.
    public static final int MAX_BYTES = 16 << 10;

    private static final int HANDSHAKE = 22;
    private static final int CLIENT_HELLO = 1;
    private static final int RECORD_HEADER = 5;
    private static final int MAX_RECORD = 1 << 14;
    private static final int SERVER_NAME = 0;
    private static final int SIGNATURE_ALGORITHMS = 13;
    private static final int ALPN = 16;

    /// What the first bytes of a connection turned out to be.
    public sealed interface Read {
        record Found(ClientHello hello) implements Read {}

        /// So far these may be a TLS client's, and more are needed to tell.
        enum Other implements Read {
            INCOMPLETE,
            NOT_TLS,
            TOO_LONG
        }
    }

    /// Looks at the readable bytes and consumes none. Any split into packets and TLS records is taken.
    public static Read read(ByteBuf in) {
        int at = in.readerIndex();
        int end = in.writerIndex();
        // Handshake messages go on from record to record: their bytes are put together here.
        var message = new byte[Math.min(end - at, MAX_BYTES)];
        int known = 0;
        while (true) {
            if (at < end && in.getUnsignedByte(at) != HANDSHAKE || at + 1 < end && in.getUnsignedByte(at + 1) != 3) {
                return Read.Other.NOT_TLS;
            }
            if (at + RECORD_HEADER > end) {
                return incomplete(in);
            }
            int length = in.getUnsignedShort(at + 3);
            if (length == 0 || length > MAX_RECORD) {
                return Read.Other.NOT_TLS;
            }
            int there = Math.min(length, end - at - RECORD_HEADER);
            int taken = Math.min(there, message.length - known);
            in.getBytes(at + RECORD_HEADER, message, known, taken);
            known += taken;
            if (known >= 1 && message[0] != CLIENT_HELLO) {
                return Read.Other.NOT_TLS;
            }
            if (known >= 4) {
                int wanted = 4 + ((message[1] & 0xff) << 16 | (message[2] & 0xff) << 8 | message[3] & 0xff);
                if (wanted > MAX_BYTES) {
                    return Read.Other.TOO_LONG;
                }
                if (known >= wanted) {
                    ClientHello hello = parse(new Bytes(message, 4, wanted));
                    return hello == null ? Read.Other.NOT_TLS : new Read.Found(hello);
                }
            }
            if (there < length) {
                return incomplete(in);
            }
            at += RECORD_HEADER + length;
        }
    }

    private static Read incomplete(ByteBuf in) {
        return in.readableBytes() >= MAX_BYTES ? Read.Other.TOO_LONG : Read.Other.INCOMPLETE;
    }

    private static @Nullable ClientHello parse(Bytes in) {
        try {
            in.skip(2 + 32); // version, random
            in.skip(in.number(1)); // session
            in.skip(in.number(2)); // cipher suites
            in.skip(in.number(1)); // compression
            String serverName = "";
            var protocols = new ArrayList<String>();
            // Who does not say so is older than TLS 1.2 and takes what its cipher suites are for.
            boolean ecdsa = false;
            Bytes extensions = in.left() == 0 ? in : in.part(in.number(2));
            while (extensions.left() > 0) {
                int type = extensions.number(2);
                Bytes body = extensions.part(extensions.number(2));
                switch (type) {
                    case SERVER_NAME -> serverName = serverName(body);
                    case ALPN -> {
                        Bytes list = body.part(body.number(2));
                        while (list.left() > 0) {
                            protocols.add(list.text(list.number(1)));
                        }
                    }
                    case SIGNATURE_ALGORITHMS -> {
                        Bytes list = body.part(body.number(2));
                        while (list.left() > 0) {
                            int scheme = list.number(2);
                            ecdsa |= scheme == 0x0403 || scheme == 0x0503 || scheme == 0x0603;
                        }
                    }
                    default -> {}
                }
            }
            return new ClientHello(serverName, List.copyOf(protocols), ecdsa);
        } catch (Malformed e) {
            return null;
        }
    }

    // RFC 6066 3: one name of the only type there is.
    private static String serverName(Bytes body) throws Malformed {
        Bytes list = body.part(body.number(2));
        if (list.number(1) != 0) {
            throw new Malformed();
        }
        String name = list.text(list.number(2));
        if (name.isEmpty() || name.length() > 255 || name.indexOf('\0') >= 0) {
            throw new Malformed();
        }
        return name.toLowerCase(Locale.ROOT);
    }

    private static final class Malformed extends Exception {
        private static final long serialVersionUID = 1;

        private Malformed() {
            super("malformed", null, false, false);
        }
    }

    /// Reads within bounds.
    private static final class Bytes {
        private final byte[] bytes;
        private int at;
        private final int end;

        private Bytes(byte[] bytes, int at, int end) {
            this.bytes = bytes;
            this.at = at;
            this.end = end;
        }

        private int left() {
            return end - at;
        }

        private void need(int count) throws Malformed {
            if (count > left()) {
                throw new Malformed();
            }
        }

        private void skip(int count) throws Malformed {
            need(count);
            at += count;
        }

        private int number(int count) throws Malformed {
            need(count);
            int number = 0;
            for (int i = 0; i < count; i++) {
                number = number << 8 | bytes[at++] & 0xff;
            }
            return number;
        }

        private Bytes part(int count) throws Malformed {
            need(count);
            at += count;
            return new Bytes(bytes, at - count, at);
        }

        private String text(int count) throws Malformed {
            need(count);
            at += count;
            return new String(bytes, at - count, count, StandardCharsets.ISO_8859_1);
        }
    }
}
