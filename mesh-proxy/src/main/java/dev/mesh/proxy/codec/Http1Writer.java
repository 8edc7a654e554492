package dev.mesh.proxy.codec;

import dev.mesh.proxy.http.HeaderMap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// Builds the head of a message in an array that is used again, and copies it out once. One event loop.
final class Http1Writer {
    private static final byte[] CHUNK_END = {'\r', '\n'};
    private static final byte[] LAST_CHUNK = "0\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

    private final boolean properCase;
    private byte[] bytes = new byte[1024];
    private int size;

    /// @param properCase whether header names are written `Like-This`
    Http1Writer(boolean properCase) {
        this.properCase = properCase;
    }

    Http1Writer start() {
        size = 0;
        return this;
    }

    /// Text for a start line. A control character or a space in it would split the line: it is replaced.
    Http1Writer word(String text) {
        return copy(text, ' ');
    }

    Http1Writer raw(String ascii) {
        ensure(ascii.length());
        for (int i = 0; i < ascii.length(); i++) {
            bytes[size++] = (byte) ascii.charAt(i);
        }
        return this;
    }

    Http1Writer number(int value) {
        return raw(Integer.toString(value));
    }

    Http1Writer header(String name, String value) {
        int from = size;
        raw(name);
        if (properCase) {
            capitalize(from);
        }
        ensure(2);
        bytes[size++] = ':';
        bytes[size++] = ' ';
        copy(value, (char) 0x1f);
        return line();
    }

    // The first letter, and each one behind a hyphen or another sign.
    private void capitalize(int from) {
        boolean first = true;
        for (int i = from; i < size; i++) {
            byte b = bytes[i];
            if (first && b >= 'a' && b <= 'z') {
                bytes[i] = (byte) (b - 32);
            }
            first = !(b >= 'a' && b <= 'z') && !(b >= 'A' && b <= 'Z') && !(b >= '0' && b <= '9');
        }
    }

    Http1Writer headers(HeaderMap headers) {
        for (int i = 0; i < headers.count(); i++) {
            header(headers.name(i), headers.value(i));
        }
        return this;
    }

    Http1Writer line() {
        ensure(2);
        bytes[size++] = '\r';
        bytes[size++] = '\n';
        return this;
    }

    ByteBuf finish(ByteBufAllocator allocator) {
        return allocator.directBuffer(size).writeBytes(bytes, 0, size);
    }

    // Whatever made the text, a line can never be ended from within it: chars up to `forbidden` (but tab)
    // become spaces.
    private Http1Writer copy(String text, char forbidden) {
        int length = text.length();
        ensure(length);
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            bytes[size++] = (byte) (c <= forbidden && c != '\t' ? (forbidden == ' ' ? '_' : ' ') : c);
        }
        return this;
    }

    private void ensure(int more) {
        if (size + more > bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(size + more, bytes.length * 2));
        }
    }

    /// `<size in hex>CRLF`
    static ByteBuf chunkStart(ByteBufAllocator allocator, int size) {
        String hex = Integer.toHexString(size);
        ByteBuf line = allocator.directBuffer(hex.length() + 2);
        line.writeCharSequence(hex, StandardCharsets.US_ASCII);
        return line.writeBytes(CHUNK_END);
    }

    static ByteBuf chunkEnd(ByteBufAllocator allocator) {
        return allocator.directBuffer(2).writeBytes(CHUNK_END);
    }

    static ByteBuf lastChunk(ByteBufAllocator allocator) {
        return allocator.directBuffer(5).writeBytes(LAST_CHUNK);
    }

    /// The last chunk with trailers behind it.
    static ByteBuf lastChunk(ByteBufAllocator allocator, HeaderMap trailers, Http1Writer writer) {
        return writer.start().raw("0\r\n").headers(trailers).line().finish(allocator);
    }
}
