package dev.mesh.api.decide.compile;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// Query parameters of a path.
final class Query {
    private Query() {}

    /// The first value of a parameter, percent-decoded; null if it is absent. A parameter without `=` is empty.
    static @Nullable String value(String path, String name) {
        int at = path.indexOf('?');
        if (at < 0) {
            return null;
        }
        at++;
        while (at <= path.length()) {
            int amp = path.indexOf('&', at);
            int end = amp < 0 ? path.length() : amp;
            int equals = path.indexOf('=', at);
            int nameEnd = equals < 0 || equals > end ? end : equals;
            if (nameEnd - at == name.length() && path.startsWith(name, at)) {
                return decode(nameEnd == end ? "" : path.substring(nameEnd + 1, end));
            }
            at = end + 1;
        }
        return null;
    }

    private static String decode(String text) {
        if (text.indexOf('%') < 0) {
            return text;
        }
        var bytes = new ByteArrayOutputStream(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            int high = c == '%' && i + 2 < text.length() ? Character.digit(text.charAt(i + 1), 16) : -1;
            int low = high >= 0 && i + 2 < text.length() ? Character.digit(text.charAt(i + 2), 16) : -1;
            if (low >= 0) {
                bytes.write(high << 4 | low);
                i += 2;
            } else {
                bytes.write(c);
            }
        }
        return bytes.toString(StandardCharsets.ISO_8859_1);
    }
}
