package dev.mesh.api.decide;

/// XXH64 (github.com/Cyan4973/xxHash, specification 0.1.1) over the low bytes of a Latin-1 string: Envoy's hash
/// for rings and hash policies.
public final class XxHash64 {
    private static final long P1 = 0x9E3779B185EBCA87L;
    private static final long P2 = 0xC2B2AE3D27D4EB4FL;
    private static final long P3 = 0x165667B19E3779F9L;
    private static final long P4 = 0x85EBCA77C2B2AE63L;
    private static final long P5 = 0x27D4EB2F165667C5L;

    private XxHash64() {}

    public static long hash(String text, long seed) {
        int length = text.length();
        int at = 0;
        long hash;
        if (length >= 32) {
            long a = seed + P1 + P2;
            long b = seed + P2;
            long c = seed;
            long d = seed - P1;
            for (; at <= length - 32; at += 32) {
                a = round(a, word(text, at));
                b = round(b, word(text, at + 8));
                c = round(c, word(text, at + 16));
                d = round(d, word(text, at + 24));
            }
            hash = Long.rotateLeft(a, 1) + Long.rotateLeft(b, 7) + Long.rotateLeft(c, 12) + Long.rotateLeft(d, 18);
            hash = merge(hash, a);
            hash = merge(hash, b);
            hash = merge(hash, c);
            hash = merge(hash, d);
        } else {
            hash = seed + P5;
        }
        hash += length;
        for (; at <= length - 8; at += 8) {
            hash = Long.rotateLeft(hash ^ round(0, word(text, at)), 27) * P1 + P4;
        }
        if (at <= length - 4) {
            hash = Long.rotateLeft(hash ^ half(text, at) * P1, 23) * P2 + P3;
            at += 4;
        }
        for (; at < length; at++) {
            hash = Long.rotateLeft(hash ^ (text.charAt(at) & 0xff) * P5, 11) * P1;
        }
        hash = (hash ^ hash >>> 33) * P2;
        hash = (hash ^ hash >>> 29) * P3;
        return hash ^ hash >>> 32;
    }

    private static long round(long accumulator, long input) {
        return Long.rotateLeft(accumulator + input * P2, 31) * P1;
    }

    private static long merge(long hash, long accumulator) {
        return (hash ^ round(0, accumulator)) * P1 + P4;
    }

    private static long half(String text, int at) {
        return (text.charAt(at) & 0xffL)
                | (text.charAt(at + 1) & 0xffL) << 8
                | (text.charAt(at + 2) & 0xffL) << 16
                | (text.charAt(at + 3) & 0xffL) << 24;
    }

    private static long word(String text, int at) {
        return half(text, at) | half(text, at + 4) << 32;
    }
}
