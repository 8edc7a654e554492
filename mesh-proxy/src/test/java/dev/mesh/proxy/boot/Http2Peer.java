package dev.mesh.proxy.boot;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.netty.handler.codec.http2.Http2Exception;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/// One end of an HTTP/2 connection whose every frame a test decides. Header blocks are written without
/// compression, so that they can hold anything.
final class Http2Peer {
    static final int DATA = 0;
    static final int HEADERS = 1;
    static final int PRIORITY = 2;
    static final int RST_STREAM = 3;
    static final int SETTINGS = 4;
    static final int PING = 6;
    static final int GOAWAY = 7;
    static final int WINDOW_UPDATE = 8;
    static final int CONTINUATION = 9;
    static final int END_STREAM = 1;
    static final int ACK = 1;
    static final int END_HEADERS = 4;

    private static final String PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    private final Peer peer;
    private final DefaultHttp2HeadersDecoder headers = new DefaultHttp2HeadersDecoder(false);

    /// A frame that came.
    record Frame(int type, int flags, int stream, byte[] payload) {
        boolean ends() {
            return (flags & END_STREAM) != 0 && (type == DATA || type == HEADERS);
        }

        String text() {
            return new String(payload, StandardCharsets.ISO_8859_1);
        }

        /// Of RST_STREAM.
        int error() {
            return ByteBuffer.wrap(payload).getInt();
        }

        /// Of GOAWAY.
        int goAwayError() {
            return ByteBuffer.wrap(payload).getInt(4);
        }

        /// Of GOAWAY.
        int lastStream() {
            return ByteBuffer.wrap(payload).getInt(0);
        }
    }

    private Http2Peer(Peer peer) {
        this.peer = peer;
    }

    static Http2Peer client(Peer peer) throws IOException {
        peer.write(PREFACE);
        return new Http2Peer(peer).send(SETTINGS, 0, 0);
    }

    /// @param settings pairs of identifier and value
    static Http2Peer server(Peer peer, int... settings) throws IOException {
        peer.readUntil(PREFACE);
        var payload = ByteBuffer.allocate(settings.length / 2 * 6);
        for (int i = 0; i < settings.length; i += 2) {
            payload.putShort((short) settings[i]).putInt(settings[i + 1]);
        }
        return new Http2Peer(peer).send(SETTINGS, 0, 0, payload.array());
    }

    Http2Peer send(int type, int flags, int stream, byte... payload) throws IOException {
        peer.write(frame(type, flags, stream, payload));
        return this;
    }

    static byte[] frame(int type, int flags, int stream, byte... payload) {
        var frame = ByteBuffer.allocate(9 + payload.length);
        frame.put((byte) (payload.length >> 16)).putShort((short) payload.length);
        frame.put((byte) type).put((byte) flags).putInt(stream).put(payload);
        return frame.array();
    }

    /// @param fields names and values
    Http2Peer headers(int stream, boolean end, String... fields) throws IOException {
        return send(HEADERS, END_HEADERS | (end ? END_STREAM : 0), stream, block(fields));
    }

    Http2Peer get(int stream, String path) throws IOException {
        return headers(stream, true, ":method", "GET", ":scheme", "http", ":path", path, ":authority", "a");
    }

    Http2Peer data(int stream, boolean end, String text) throws IOException {
        return send(DATA, end ? END_STREAM : 0, stream, text.getBytes(StandardCharsets.ISO_8859_1));
    }

    static byte[] block(String... fields) {
        var block = new ByteArrayOutputStream();
        for (int i = 0; i < fields.length; i += 2) {
            block.write(0); // literal, not indexed, new name
            string(block, fields[i]);
            string(block, fields[i + 1]);
        }
        return block.toByteArray();
    }

    private static void string(ByteArrayOutputStream block, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        if (bytes.length < 127) {
            block.write(bytes.length);
        } else {
            block.write(127);
            int left = bytes.length - 127;
            for (; left >= 128; left >>= 7) {
                block.write(left & 127 | 128);
            }
            block.write(left);
        }
        block.writeBytes(bytes);
    }

    Frame read() throws IOException {
        byte[] head = peer.read(9).getBytes(StandardCharsets.ISO_8859_1);
        int length = (head[0] & 0xff) << 16 | (head[1] & 0xff) << 8 | head[2] & 0xff;
        return new Frame(
                head[3],
                head[4] & 0xff,
                ByteBuffer.wrap(head).getInt(5) & Integer.MAX_VALUE,
                peer.read(length).getBytes(StandardCharsets.ISO_8859_1));
    }

    /// The next frame that is not about the connection's parameters and windows; SETTINGS are acknowledged.
    Frame next() throws IOException {
        while (true) {
            Frame frame = read();
            if (frame.type == SETTINGS) {
                if ((frame.flags & ACK) == 0) {
                    send(SETTINGS, ACK, 0);
                }
            } else if (frame.type != WINDOW_UPDATE) {
                return frame;
            }
        }
    }

    /// The next frame of this type; others but RST_STREAM and GOAWAY are passed over.
    Frame next(int type) throws IOException {
        while (true) {
            Frame frame = next();
            if (frame.type == type) {
                return frame;
            }
            if (frame.type == RST_STREAM || frame.type == GOAWAY) {
                throw new IOException("came: " + frame + java.util.Arrays.toString(frame.payload));
            }
        }
    }

    /// The fields of a HEADERS frame.
    Map<String, String> fields(Frame frame) throws IOException {
        var fields = new TreeMap<String, String>();
        try {
            for (var field : headers.decodeHeaders(frame.stream, Unpooled.wrappedBuffer(frame.payload))) {
                fields.put(field.getKey().toString(), field.getValue().toString());
            }
        } catch (Http2Exception e) {
            throw new IOException(e);
        }
        return fields;
    }

    Peer peer() {
        return peer;
    }
}
