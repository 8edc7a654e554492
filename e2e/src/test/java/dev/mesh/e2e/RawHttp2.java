package dev.mesh.e2e;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.netty.handler.codec.http2.DefaultHttp2HeadersEncoder;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.util.AsciiString;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// One request on an HTTP/2 connection of its own, by prior knowledge, frame by frame: nothing is checked or normalised
/// on either way but what HPACK needs.
final class RawHttp2 {
    private static final String PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    private static final int DATA = 0;
    private static final int HEADERS = 1;
    private static final int RESET = 3;
    private static final int SETTINGS = 4;
    private static final int PING = 6;
    private static final int GO_AWAY = 7;
    private static final int CONTINUATION = 9;
    private static final int ACK = 1;
    private static final int END_STREAM = 1;
    private static final int END_HEADERS = 4;
    private static final int PADDED = 8;
    private static final int PRIORITY = 32;
    private static final int STREAM = 1;

    private final DataInputStream in;
    private final DataOutputStream out;
    private final DefaultHttp2HeadersDecoder decoder = new DefaultHttp2HeadersDecoder(false);

    private RawHttp2(Socket socket) throws IOException {
        in = new DataInputStream(socket.getInputStream());
        out = new DataOutputStream(socket.getOutputStream());
    }

    /// One header field; of the request, with the pseudo-header fields first.
    record Field(String name, String value) {}

    /// @param body empty: none
    /// @return the answer, and informational ones before it
    /// @throws IOException with the code if the stream or the connection is ended
    static List<RawHttp> ask(Socket socket, List<Field> head, String body) throws IOException {
        var connection = new RawHttp2(socket);
        try {
            connection.send(head, body);
            return connection.receive();
        } catch (Http2Exception e) {
            throw new IOException(e);
        }
    }

    private void send(List<Field> head, String body) throws IOException, Http2Exception {
        var headers = new DefaultHttp2Headers(false);
        head.forEach(field -> headers.add(ascii(field.name), ascii(field.value)));
        ByteBuf block = Unpooled.buffer();
        new DefaultHttp2HeadersEncoder((name, value) -> false).encodeHeaders(STREAM, headers, block);
        out.write(PREFACE.getBytes(StandardCharsets.US_ASCII));
        frame(SETTINGS, 0, 0, new byte[0]);
        byte[] bytes = new byte[block.readableBytes()];
        block.readBytes(bytes);
        frame(HEADERS, END_HEADERS | (body.isEmpty() ? END_STREAM : 0), STREAM, bytes);
        if (!body.isEmpty()) {
            frame(DATA, END_STREAM, STREAM, body.getBytes(StandardCharsets.ISO_8859_1));
        }
        out.flush();
    }

    private static AsciiString ascii(String text) {
        return new AsciiString(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    private void frame(int type, int flags, int stream, byte[] payload) throws IOException {
        out.writeByte(payload.length >> 16);
        out.writeShort(payload.length & 0xffff);
        out.writeByte(type);
        out.writeByte(flags);
        out.writeInt(stream);
        out.write(payload);
    }

    private List<RawHttp> receive() throws IOException, Http2Exception {
        var answers = new ArrayList<RawHttp>();
        var block = new ByteArrayOutputStream();
        var body = new StringBuilder();
        boolean ends = false;
        while (true) {
            int length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
            int type = in.readUnsignedByte();
            int flags = in.readUnsignedByte();
            int stream = in.readInt() & Integer.MAX_VALUE;
            byte[] payload = in.readNBytes(length);
            if (payload.length < length) {
                throw new EOFException("connection ended within a frame");
            }
            if ((type == SETTINGS || type == PING) && (flags & ACK) == 0) {
                frame(type, ACK, 0, type == PING ? payload : new byte[0]);
                out.flush();
            } else if (type == GO_AWAY && code(payload, 4) != 0) {
                throw new IOException("GOAWAY " + code(payload, 4));
            } else if (stream == STREAM && type == RESET) {
                throw new IOException("RST_STREAM " + code(payload, 0) + " after " + answers);
            } else if (stream == STREAM && type == DATA) {
                body.append(new String(unpadded(payload, flags), StandardCharsets.ISO_8859_1));
                ends = (flags & END_STREAM) != 0;
            } else if (stream == STREAM && (type == HEADERS || type == CONTINUATION)) {
                block.writeBytes(type == HEADERS ? unpadded(payload, flags) : payload);
                ends |= type == HEADERS && (flags & END_STREAM) != 0;
                if ((flags & END_HEADERS) != 0) {
                    take(decoder.decodeHeaders(STREAM, Unpooled.wrappedBuffer(block.toByteArray())), answers);
                    block.reset();
                }
            }
            if (ends && block.size() == 0) {
                RawHttp last = answers.removeLast();
                answers.add(new RawHttp(last.head(), last.headers(), body.toString(), last.trailers()));
                return answers;
            }
        }
    }

    // Trailers have no status.
    private static void take(Http2Headers headers, List<RawHttp> answers) {
        var lines = new ArrayList<String>();
        headers.forEach(field -> {
            if (!field.getKey().toString().equals(":status")) {
                lines.add(field.getKey() + ": " + field.getValue());
            }
        });
        CharSequence status = headers.status();
        if (status != null) {
            answers.add(new RawHttp("HTTP/2 " + status, lines, "", List.of()));
        } else {
            RawHttp head = answers.removeLast();
            answers.add(new RawHttp(head.head(), head.headers(), "", lines));
        }
    }

    private static byte[] unpadded(byte[] payload, int flags) {
        int from = (flags & PADDED) != 0 ? 1 : 0;
        int to = payload.length - (from == 0 ? 0 : payload[0] & 0xff);
        from += (flags & PRIORITY) != 0 ? 5 : 0;
        return java.util.Arrays.copyOfRange(payload, from, to);
    }

    private static int code(byte[] payload, int at) {
        return java.nio.ByteBuffer.wrap(payload).getInt(at);
    }
}
