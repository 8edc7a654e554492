package dev.mesh.proxy.agent;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// Texts in quotes as Go writes them (`strconv.Quote`), and so the downward API of Kubernetes.
final class GoText {
    private static final String SIMPLE = "abfnrtv\\\"'";
    private static final String MEANT = "\u0007\b\f\n\r\t\u000b\\\"'";

    private GoText() {}

    /// @return null if it is none
    static @Nullable String unquote(String quoted) {
        if (quoted.length() < 2 || !quoted.startsWith("\"") || !quoted.endsWith("\"")) {
            return null;
        }
        String inner = quoted.substring(1, quoted.length() - 1);
        var bytes = new ByteArrayOutputStream();
        int at = 0;
        while (at < inner.length()) {
            int c = inner.codePointAt(at);
            at += Character.charCount(c);
            if (c == '"') {
                return null;
            }
            if (c == '\\') {
                at = escape(inner, at, bytes);
                if (at < 0) {
                    return null;
                }
            } else {
                write(c, bytes);
            }
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    /// @param at after the backslash
    /// @return where the text goes on; negative if it is no escape
    private static int escape(String text, int at, ByteArrayOutputStream out) {
        if (at == text.length()) {
            return -1;
        }
        char kind = text.charAt(at);
        int simple = SIMPLE.indexOf(kind);
        if (simple >= 0) {
            out.write(MEANT.charAt(simple));
            return at + 1;
        }
        int digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
        int end = at + 1 + digits;
        if (digits == 0 || end > text.length() || !text.substring(at + 1, end).matches("[0-9a-fA-F]+")) {
            return -1;
        }
        int code = Integer.parseUnsignedInt(text.substring(at + 1, end), 16);
        if (kind == 'x') {
            out.write(code); // a byte, not a character
        } else if (Character.isValidCodePoint(code)) {
            write(code, out);
        } else {
            return -1;
        }
        return end;
    }

    private static void write(int codePoint, ByteArrayOutputStream out) {
        out.writeBytes(Character.toString(codePoint).getBytes(StandardCharsets.UTF_8));
    }
}
