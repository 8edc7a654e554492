package dev.mesh.proxy.format;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.util.Locale;

/// The strftime formats of `%START_TIME(...)%`, in UTC, with Envoy's `%f` (`%3f`, `%6f`, `%9f`) and `%s`.
final class TimeFormat {
    private final DateTimeFormatter formatter;

    private TimeFormat(DateTimeFormatter formatter) {
        this.formatter = formatter;
    }

    static TimeFormat of(String format) {
        var builder = new DateTimeFormatterBuilder();
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%' || i + 1 == format.length()) {
                builder.appendLiteral(c);
                continue;
            }
            char directive = format.charAt(++i);
            int width = 0;
            if (Character.isDigit(directive) && i + 1 < format.length()) {
                width = directive - '0';
                directive = format.charAt(++i);
            }
            directive(builder, directive, width);
        }
        return new TimeFormat(builder.toFormatter(Locale.ENGLISH).withZone(ZoneOffset.UTC));
    }

    private static void directive(DateTimeFormatterBuilder builder, char directive, int width) {
        switch (directive) {
            case 'Y' -> builder.appendValue(ChronoField.YEAR, 4);
            case 'm' -> builder.appendValue(ChronoField.MONTH_OF_YEAR, 2);
            case 'd' -> builder.appendValue(ChronoField.DAY_OF_MONTH, 2);
            case 'H' -> builder.appendValue(ChronoField.HOUR_OF_DAY, 2);
            case 'M' -> builder.appendValue(ChronoField.MINUTE_OF_HOUR, 2);
            case 'S' -> builder.appendValue(ChronoField.SECOND_OF_MINUTE, 2);
            case 'f' -> {
                int digits = width == 0 ? 9 : width;
                builder.appendFraction(ChronoField.NANO_OF_SECOND, digits, digits, false);
            }
            case 's' -> builder.appendValue(ChronoField.INSTANT_SECONDS);
            case 'F' -> {
                directive(builder, 'Y', 0);
                builder.appendLiteral('-');
                directive(builder, 'm', 0);
                builder.appendLiteral('-');
                directive(builder, 'd', 0);
            }
            case 'T' -> {
                directive(builder, 'H', 0);
                builder.appendLiteral(':');
                directive(builder, 'M', 0);
                builder.appendLiteral(':');
                directive(builder, 'S', 0);
            }
            case 'b' -> builder.appendText(ChronoField.MONTH_OF_YEAR, TextStyle.SHORT);
            case 'a' -> builder.appendText(ChronoField.DAY_OF_WEEK, TextStyle.SHORT);
            case 'z' -> builder.appendLiteral("+0000");
            case 'Z' -> builder.appendLiteral("UTC");
            case '%' -> builder.appendLiteral('%');
            default -> builder.appendLiteral("%" + directive);
        }
    }

    String format(long epochMillis) {
        return formatter.format(Instant.ofEpochMilli(epochMillis));
    }
}
