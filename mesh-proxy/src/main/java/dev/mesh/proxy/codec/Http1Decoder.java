package dev.mesh.proxy.codec;

import dev.mesh.proxy.http.HeaderMap;
import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Cuts a byte stream into messages: head, then a body by Content-Length, by chunks, or to the end of the
/// connection. Knows nothing of requests and responses; its target reads the heads and says how the body is
/// framed. One event loop.
final class Http1Decoder {
    /// Framing of a body, where it is not a length.
    static final long CHUNKED = -1;

    static final long UNTIL_CLOSE = -2;
    /// From here on the connection carries something else, to its end.
    static final long RAW = -3;

    /// Hears what was cut.
    interface Target {
        /// @param block start line, headers and the empty line; the target may write into it
        /// @return length of the body, or how else it is framed
        long onHead(byte[] block, int length) throws Http1Error;

        /// Takes over `data`.
        void onBody(ByteBuf data, boolean end);

        /// The body ended after what [#onBody] brought.
        void onEnd(@Nullable HeaderMap trailers);
    }

    private enum State {
        HEAD,
        FIXED,
        CHUNK_SIZE,
        CHUNK_DATA,
        CHUNK_END,
        TRAILERS,
        UNTIL_CLOSE,
        RAW
    }

    // A chunk line holds a size and maybe extensions, which are dropped.
    private static final int MAX_CHUNK_LINE = 4096;

    private final Target target;
    private final Http1Limits limits;
    private State state = State.HEAD;
    private byte[] block = new byte[1024];
    private int used;
    private long remaining;

    Http1Decoder(Target target, Http1Limits limits) {
        this.target = target;
        this.limits = limits;
    }

    /// Whether a message is under way (some of its bytes were seen).
    boolean inMessage() {
        return state != State.HEAD || used > 0;
    }

    /// Whether the end of the connection ends the message in order.
    boolean endsWithConnection() {
        return state == State.UNTIL_CLOSE || state == State.RAW || (state == State.HEAD && used == 0);
    }

    /// From here on everything is body.
    void becomeRaw() {
        state = State.RAW;
    }

    /// Cuts one step: a head, a piece of body, an end.
    ///
    /// @return whether something was made of `in`; false = more bytes are needed
    boolean step(ByteBuf in) throws Http1Error {
        return switch (state) {
            case HEAD -> head(in);
            case FIXED -> fixed(in);
            case CHUNK_SIZE -> chunkSize(in);
            case CHUNK_DATA -> chunkData(in);
            case CHUNK_END -> chunkEnd(in);
            case TRAILERS -> trailers(in);
            case UNTIL_CLOSE, RAW -> rest(in);
        };
    }

    private boolean head(ByteBuf in) throws Http1Error {
        if (!copyBlock(in, 431, "http1.headers_too_large")) {
            return false;
        }
        int length = used;
        used = 0;
        long framing = target.onHead(block, length);
        if (state == State.RAW) {
            return true;
        }
        if (framing > 0) {
            remaining = framing;
            state = State.FIXED;
        } else if (framing == CHUNKED) {
            state = State.CHUNK_SIZE;
        } else if (framing == UNTIL_CLOSE) {
            state = State.UNTIL_CLOSE;
        } else if (framing == RAW) {
            state = State.RAW;
        }
        return true;
    }

    // Copies up to and with the empty line that ends a head or trailers. Empty lines before a start line
    // are passed over (RFC 9112 2.2), anything else unprintable there is refused by the target.
    private boolean copyBlock(ByteBuf in, int statusIfTooLarge, String detailIfTooLarge) throws Http1Error {
        while (in.isReadable()) {
            int lf = in.indexOf(in.readerIndex(), in.writerIndex(), (byte) '\n');
            int end = lf < 0 ? in.writerIndex() : lf + 1;
            int length = end - in.readerIndex();
            if (used + length > limits.maxHeadBytes()) {
                throw new Http1Error(statusIfTooLarge, detailIfTooLarge);
            }
            if (used + length > block.length) {
                block = Arrays.copyOf(block, Math.max(used + length, block.length * 2));
            }
            in.readBytes(block, used, length);
            used += length;
            if (lf < 0) {
                return false;
            }
            if (used < 2 || block[used - 2] != '\r') {
                throw Http1Error.malformed();
            }
            if (used == 2) {
                if (state == State.TRAILERS) {
                    return true;
                }
                used = 0;
            } else if (block[used - 3] == '\n') {
                return true;
            }
        }
        return false;
    }

    private boolean fixed(ByteBuf in) {
        if (!in.isReadable()) {
            return false;
        }
        int length = (int) Math.min(remaining, in.readableBytes());
        remaining -= length;
        boolean end = remaining == 0;
        if (end) {
            state = State.HEAD;
        }
        target.onBody(in.readRetainedSlice(length), end);
        return true;
    }

    private boolean chunkSize(ByteBuf in) throws Http1Error {
        while (in.isReadable()) {
            byte b = in.readByte();
            if (used == block.length) {
                block = Arrays.copyOf(block, block.length * 2);
            }
            block[used++] = b;
            if (b == '\n') {
                remaining = parseChunkLine();
                used = 0;
                state = remaining == 0 ? State.TRAILERS : State.CHUNK_DATA;
                return true;
            }
            if (used > MAX_CHUNK_LINE) {
                throw Http1Error.malformed();
            }
        }
        return false;
    }

    private long parseChunkLine() throws Http1Error {
        if (used < 3 || block[used - 2] != '\r') {
            throw Http1Error.malformed();
        }
        long size = 0;
        int at = 0;
        for (; at < used - 2; at++) {
            int digit = Character.digit(block[at], 16);
            if (digit < 0) {
                break;
            }
            if (at >= 15) {
                throw Http1Error.malformed();
            }
            size = size << 4 | digit;
        }
        if (at == 0) {
            throw Http1Error.malformed();
        }
        while (at < used - 2 && (block[at] == ' ' || block[at] == '\t')) {
            at++;
        }
        if (at < used - 2 && block[at] != ';') {
            throw Http1Error.malformed();
        }
        // An extension is dropped, but must not hide what another parser would read as a line's end.
        for (; at < used - 2; at++) {
            int c = block[at] & 0xff;
            if ((c < 0x20 && c != '\t') || c == 0x7f) {
                throw Http1Error.malformed();
            }
        }
        return size;
    }

    private boolean chunkData(ByteBuf in) {
        if (!in.isReadable()) {
            return false;
        }
        int length = (int) Math.min(remaining, in.readableBytes());
        remaining -= length;
        if (remaining == 0) {
            state = State.CHUNK_END;
            used = 0;
        }
        target.onBody(in.readRetainedSlice(length), false);
        return true;
    }

    private boolean chunkEnd(ByteBuf in) throws Http1Error {
        while (in.isReadable()) {
            byte b = in.readByte();
            if (b != (used == 0 ? '\r' : '\n')) {
                throw Http1Error.malformed();
            }
            if (++used == 2) {
                used = 0;
                state = State.CHUNK_SIZE;
                return true;
            }
        }
        return false;
    }

    private boolean trailers(ByteBuf in) throws Http1Error {
        if (!copyBlock(in, 431, "http1.headers_too_large")) {
            return false;
        }
        int length = used;
        used = 0;
        state = State.HEAD;
        HeaderMap trailers = null;
        if (length > 2) {
            trailers = HeadParser.headers(block, 0, length, limits.maxHeaders());
            // Fields that frame or route a message mean nothing at its end and must not reach the next hop.
            for (String name : FRAMING) {
                trailers.remove(name);
            }
            if (trailers.isEmpty() || !limits.enableTrailers()) {
                trailers = null;
            }
        }
        target.onEnd(trailers);
        return true;
    }

    private static final String[] FRAMING = {
        "content-length",
        "transfer-encoding",
        "host",
        "connection",
        "te",
        "trailer",
        "upgrade",
        "keep-alive",
        "proxy-connection",
        "content-encoding",
        "content-type",
        "authorization",
        "cookie",
        "set-cookie"
    };

    private boolean rest(ByteBuf in) {
        if (!in.isReadable()) {
            return false;
        }
        target.onBody(in.readRetainedSlice(in.readableBytes()), false);
        return true;
    }
}
