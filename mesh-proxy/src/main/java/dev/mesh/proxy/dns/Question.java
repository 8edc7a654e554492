package dev.mesh.proxy.dns;

import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The one question of a query (RFC 1035, section 4.1).
///
/// @param id number that the client gave the query
/// @param recursionDesired flag RD, which the answer repeats
/// @param name in lower case, without a dot at the end; `` = the root
/// @param section the question as it was sent: name, type and class
/// @param type such as 1, an A record
/// @param internet whether the class is IN
/// @param udpSize longest answer over UDP that the client takes, bytes; at least 512
/// @param extended whether the client speaks EDNS (RFC 6891)
record Question(
        int id,
        boolean recursionDesired,
        String name,
        byte[] section,
        int type,
        boolean internet,
        int udpSize,
        boolean extended) {
    static final int HEADER = 12;
    static final int A = 1;
    static final int AAAA = 28;
    static final int CNAME = 5;
    static final int OPT = 41;
    static final int LEAST_UDP = 512;

    static final int FLAG_RESPONSE = 0x8000;
    static final int FLAG_TRUNCATED = 0x0200;
    private static final int FLAG_RECURSION_DESIRED = 0x0100;
    private static final int LONGEST_NAME = 255;

    /// What is wrong with a query of which enough could be read to say so.
    enum Refusal {
        /// RCODE 1: not exactly one question.
        FORMAT_ERROR(1),
        /// RCODE 4: no query for a name.
        NOT_IMPLEMENTED(4);

        final int code;

        Refusal(int code) {
            this.code = code;
        }
    }

    /// What came.
    sealed interface Read {
        record Asked(Question question) implements Read {}

        record Refused(int id, boolean recursionDesired, Refusal refusal) implements Read {}

        /// Not a query, or nothing that could be answered.
        record Malformed() implements Read {}
    }

    /// Reads a query without consuming it.
    static Read read(ByteBuf query) {
        int at = query.readerIndex();
        int end = query.writerIndex();
        if (end - at < HEADER) {
            return new Read.Malformed();
        }
        int id = query.getUnsignedShort(at);
        int flags = query.getUnsignedShort(at + 2);
        if ((flags & FLAG_RESPONSE) != 0) {
            return new Read.Malformed();
        }
        boolean recursion = (flags & FLAG_RECURSION_DESIRED) != 0;
        if ((flags >> 11 & 0xf) != 0) {
            return new Read.Refused(id, recursion, Refusal.NOT_IMPLEMENTED);
        }
        if (query.getUnsignedShort(at + 4) != 1) {
            return new Read.Refused(id, recursion, Refusal.FORMAT_ERROR);
        }
        int start = at + HEADER;
        var name = new StringBuilder();
        int afterName = name(query, start, end, name);
        if (afterName < 0 || end - afterName < 4) {
            return new Read.Malformed();
        }
        int records = query.getUnsignedShort(at + 6) + query.getUnsignedShort(at + 8) + query.getUnsignedShort(at + 10);
        Integer size = udpSize(query, afterName + 4, end, records);
        if (size == null) {
            return new Read.Malformed();
        }
        var section = new byte[afterName + 4 - start];
        query.getBytes(start, section);
        return new Read.Asked(new Question(
                id,
                recursion,
                name.toString(),
                section,
                query.getUnsignedShort(afterName),
                query.getUnsignedShort(afterName + 2) == 1,
                Math.max(LEAST_UDP, size),
                size != 0));
    }

    // Labels to the root's; where a name is asked for there is nothing that it could be abbreviated by.
    private static int name(ByteBuf from, int start, int end, StringBuilder to) {
        int at = start;
        while (at < end) {
            int length = from.getUnsignedByte(at);
            if (length == 0) {
                return at + 1;
            }
            if (length > 63 || at + 1 + length > end || at + 1 + length - start >= LONGEST_NAME) {
                return -1;
            }
            if (!to.isEmpty()) {
                to.append('.');
            }
            for (int i = at + 1; i <= at + length; i++) {
                char c = (char) from.getUnsignedByte(i);
                // A dot or backslash inside a label is none between two: such a name is never one of the mesh.
                if (c == '.' || c == '\\') {
                    to.append('\\');
                }
                to.append(c >= 'A' && c <= 'Z' ? (char) (c + 32) : c);
            }
            at += 1 + length;
        }
        return -1;
    }

    // 0 if there is no OPT record, null if the records cannot be read.
    private static @Nullable Integer udpSize(ByteBuf from, int start, int end, int records) {
        int at = start;
        int size = 0;
        for (int i = 0; i < records; i++) {
            at = skipName(from, at, end);
            if (at < 0 || end - at < 10) {
                return null;
            }
            if (from.getUnsignedShort(at) == OPT) {
                size = Math.max(LEAST_UDP, from.getUnsignedShort(at + 2));
            }
            at += 10 + from.getUnsignedShort(at + 8);
            if (at > end) {
                return null;
            }
        }
        return size;
    }

    private static int skipName(ByteBuf from, int start, int end) {
        int at = start;
        while (at < end) {
            int length = from.getUnsignedByte(at);
            if (length == 0) {
                return at + 1;
            }
            if (length >= 0xc0) {
                return at + 2;
            }
            if (length > 63) {
                return -1;
            }
            at += 1 + length;
        }
        return -1;
    }

    /// Whether an answer of a name server is one to this question, asked under the number `asked`. Servers may change
    /// the case of a name.
    boolean isAnsweredBy(ByteBuf answer, int asked) {
        int at = answer.readerIndex();
        if (answer.readableBytes() < HEADER
                || answer.getUnsignedShort(at) != asked
                || (answer.getUnsignedShort(at + 2) & FLAG_RESPONSE) == 0) {
            return false;
        }
        if (answer.getUnsignedShort(at + 4) == 0) {
            return code(answer) != 0; // a refusal may leave the question out
        }
        if (answer.readableBytes() < HEADER + section.length) {
            return false;
        }
        var name = new StringBuilder();
        int after = name(answer, at + HEADER, answer.writerIndex(), name);
        var tail = new byte[4];
        if (after < 0 || answer.writerIndex() - after < 4 || !name.toString().equals(this.name)) {
            return false;
        }
        answer.getBytes(after, tail);
        return Arrays.equals(tail, 0, 4, section, section.length - 4, section.length);
    }

    /// RCODE of an answer.
    static int code(ByteBuf answer) {
        return answer.getUnsignedShort(answer.readerIndex() + 2) & 0xf;
    }
}
