package dev.mesh.proxy.dns;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.random.RandomGenerator;

/// Writes answers (RFC 1035, section 4.1). Pure but for the allocator and the random order.
final class Answers {
    /// Seconds that clients may keep an answer, as Istio's.
    static final int TTL = 30;

    static final int SERVER_FAILURE = 2;
    static final int NAME_ERROR = 3;

    private static final int AUTHORITATIVE = 0x0400;
    private static final int RECURSION_AVAILABLE = 0x0080;
    private static final int RECURSION_DESIRED = 0x0100;
    private static final int POINTER = 0xc000;
    private static final int OPT_LENGTH = 11;
    private static final int OWN_UDP_SIZE = 1232;

    private final ByteBufAllocator allocator;
    private final RandomGenerator random;

    Answers(ByteBufAllocator allocator, RandomGenerator random) {
        this.allocator = allocator;
        this.random = random;
    }

    /// What the mesh knows of a name. The order of addresses changes from answer to answer, so that clients that take
    /// the first are spread; an address family that the name does not have is an empty answer, since "no such name"
    /// would take the other family away too.
    ///
    /// @param limit bytes; what does not fit is left out, and the answer says so
    ByteBuf of(Question question, Names.Found found, int limit) {
        var addresses = new ArrayList<InetAddress>(question.type() == Question.A ? found.four() : found.six());
        Collections.shuffle(addresses, java.util.Random.from(random));
        ByteBuf out = begin(question, AUTHORITATIVE, 0);
        int bound = limit - (question.extended() ? OPT_LENGTH : 0);
        int owner = Question.HEADER;
        int records = 0;
        boolean cut = false;
        String alias = found.alias();
        if (alias != null && !addresses.isEmpty()) {
            byte[] target = wire(alias);
            cut = out.writerIndex() + 12 + target.length > bound;
            if (!cut) {
                record(out, owner, Question.CNAME, target);
                owner = out.writerIndex() - target.length;
                records++;
            }
        }
        for (InetAddress address : addresses) {
            byte[] bytes = address.getAddress();
            if (cut || out.writerIndex() + 12 + bytes.length > bound) {
                cut = true;
                break;
            }
            record(out, owner, question.type(), bytes);
            records++;
        }
        if (cut) {
            out.setShort(2, out.getUnsignedShort(2) | Question.FLAG_TRUNCATED);
        }
        out.setShort(6, records);
        return end(question, out);
    }

    /// An answer that says nothing but why there is none.
    ///
    /// @param code RCODE
    ByteBuf failure(Question question, int code) {
        return end(question, begin(question, 0, code));
    }

    /// To what could not be read to its end.
    ByteBuf refusal(Question.Read.Refused read) {
        return allocator
                .buffer(Question.HEADER)
                .writeShort(read.id())
                .writeShort(Question.FLAG_RESPONSE
                        | (read.recursionDesired() ? RECURSION_DESIRED : 0)
                        | RECURSION_AVAILABLE
                        | read.refusal().code)
                .writeZero(8);
    }

    private ByteBuf begin(Question question, int flags, int code) {
        return allocator
                .buffer(Question.LEAST_UDP)
                .writeShort(question.id())
                .writeShort(Question.FLAG_RESPONSE
                        | flags
                        | (question.recursionDesired() ? RECURSION_DESIRED : 0)
                        | RECURSION_AVAILABLE
                        | code)
                .writeShort(1)
                .writeZero(6)
                .writeBytes(question.section());
    }

    // Who speaks EDNS is answered in EDNS (RFC 6891, section 6.1.1).
    private static ByteBuf end(Question question, ByteBuf out) {
        if (question.extended()) {
            out.setShort(10, 1);
            out.writeByte(0)
                    .writeShort(Question.OPT)
                    .writeShort(OWN_UDP_SIZE)
                    .writeInt(0)
                    .writeShort(0);
        }
        return out;
    }

    private static void record(ByteBuf out, int owner, int type, byte[] data) {
        out.writeShort(POINTER | owner)
                .writeShort(type)
                .writeShort(1)
                .writeInt(TTL)
                .writeShort(data.length)
                .writeBytes(data);
    }

    // A name without escapes: those of the table have none.
    private static byte[] wire(String name) {
        byte[] text = name.getBytes(StandardCharsets.ISO_8859_1);
        var wire = new byte[text.length + 2];
        int lengthAt = 0;
        for (int i = 0; i <= text.length; i++) {
            if (i == text.length || text[i] == '.') {
                wire[lengthAt] = (byte) (i - lengthAt);
                lengthAt = i + 1;
            } else {
                wire[i + 1] = text[i];
            }
        }
        return wire;
    }
}
