package dev.mesh.proxy.format;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.stream.StreamInfo;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Compiles format strings.
public final class Formats {
    /// One operator: its value, or null if the stream has none.
    interface Operator {
        @Nullable
        String value(StreamInfo stream);
    }

    private Formats() {}

    /// @throws ConfigRejected if an operator is unknown or malformed; says which and where
    public static Format compile(String format) throws ConfigRejected {
        var parts = new ArrayList<Operator>();
        var text = new StringBuilder();
        int at = 0;
        while (at < format.length()) {
            char c = format.charAt(at);
            if (c != '%') {
                text.append(c);
                at++;
                continue;
            }
            if (at + 1 < format.length() && format.charAt(at + 1) == '%') {
                text.append('%');
                at += 2;
                continue;
            }
            int end = operatorEnd(format, at + 1);
            if (end < 0) {
                throw new ConfigRejected("format: the % at position " + at + " in \"" + format
                        + "\" is not closed (expected: %OPERATOR%, or %% for a percent sign)");
            }
            flush(text, parts);
            parts.add(Operators.compile(format.substring(at + 1, end), at));
            at = end + 1;
        }
        flush(text, parts);
        return new Compiled(List.copyOf(parts));
    }

    // A % within parentheses belongs to the argument (START_TIME).
    private static int operatorEnd(String format, int from) {
        int depth = 0;
        for (int i = from; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c == '(') {
                depth++;
            } else if (c == ')') {
                depth--;
            } else if (c == '%' && depth <= 0) {
                return i;
            }
        }
        return -1;
    }

    private static void flush(StringBuilder text, List<Operator> parts) {
        if (!text.isEmpty()) {
            parts.add(new Literal(text.toString()));
            text.setLength(0);
        }
    }

    /// Text that stands for itself.
    public static Format literal(String text) {
        return new Compiled(List.of(new Literal(text)));
    }

    private record Literal(String text) implements Operator {
        @Override
        public String value(StreamInfo stream) {
            return text;
        }
    }

    private record Compiled(List<Operator> parts) implements Format {
        @Override
        public void append(StreamInfo stream, StringBuilder out) {
            for (int i = 0; i < parts.size(); i++) {
                String value = parts.get(i).value(stream);
                out.append(value == null ? "-" : value);
            }
        }

        @Override
        public String headerValue(StreamInfo stream) {
            if (parts.size() == 1) {
                String value = parts.getFirst().value(stream);
                return value == null ? "" : value;
            }
            var out = new StringBuilder();
            for (Operator part : parts) {
                String value = part.value(stream);
                if (value != null) {
                    out.append(value);
                }
            }
            return out.toString();
        }
    }
}
