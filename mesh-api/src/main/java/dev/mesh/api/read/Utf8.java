package dev.mesh.api.read;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;

/// Bytes to text, or why they are none and where.
final class Utf8 {
    private Utf8() {}

    /// @param text empty if there is a problem
    /// @param problem empty if there is none
    /// @param line from 1, where the problem is
    record Decoded(String text, String problem, int line, int column) {}

    static Decoded decode(byte[] bytes) {
        if (starts(bytes, 0xFE, 0xFF) || starts(bytes, 0xFF, 0xFE)) {
            return new Decoded("", "is UTF-16 (expected: UTF-8)", 1, 1);
        }
        var in = ByteBuffer.wrap(bytes);
        var out = CharBuffer.allocate(bytes.length);
        CoderResult result = StandardCharsets.UTF_8.newDecoder().decode(in, out, true);
        if (result.isError()) {
            return problem(
                    bytes,
                    in.position(),
                    "byte 0x%02X is no UTF-8 (expected: text in UTF-8)".formatted(bytes[in.position()]));
        }
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == 0) {
                return problem(bytes, i, "a zero byte (expected: text)");
            }
        }
        return new Decoded(out.flip().toString(), "", 0, 0);
    }

    private static Decoded problem(byte[] bytes, int at, String what) {
        int line = 1;
        int start = 0;
        for (int i = 0; i < at; i++) {
            if (bytes[i] == '\n') {
                line++;
                start = i + 1;
            }
        }
        return new Decoded("", what, line, at - start + 1);
    }

    private static boolean starts(byte[] bytes, int first, int second) {
        return bytes.length > 1 && (bytes[0] & 0xFF) == first && (bytes[1] & 0xFF) == second;
    }
}
