package dev.mesh.pilot.inject;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.Set;
import java.util.regex.Pattern;

/// Trees as YAML that Kubernetes' tools read: they speak YAML 1.1, where `on` and `1_0` are no texts, so every text
/// that
/// is not plainly one stands in quotes.
public final class Yaml {
    private static final Pattern PLAIN =
            Pattern.compile("[A-Za-z/$(][A-Za-z0-9_./$()=+*@-]*( [A-Za-z0-9_./$()=+*@-]+)*");
    private static final Set<String> NO_TEXTS =
            Set.of("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf");

    private final StringBuilder out = new StringBuilder();

    private Yaml() {}

    /// Ends with a line's end.
    public static String print(JsonElement tree) {
        var yaml = new Yaml();
        if (tree instanceof JsonObject object && !object.isEmpty()) {
            yaml.map(object, 0, false);
        } else if (tree instanceof JsonArray array && !array.isEmpty()) {
            yaml.list(array, 0);
        } else {
            yaml.out.append(scalar(tree)).append('\n');
        }
        return yaml.out.toString();
    }

    // continued: the first key stands behind the dash of a list.
    private void map(JsonObject map, int indent, boolean continued) {
        boolean first = continued;
        for (var entry : map.entrySet()) {
            if (!first) {
                out.repeat(' ', indent);
            }
            first = false;
            out.append(text(entry.getKey())).append(':');
            value(entry.getValue(), indent);
        }
    }

    private void value(JsonElement value, int indent) {
        if (value instanceof JsonObject map && !map.isEmpty()) {
            out.append('\n');
            map(map, indent + 2, false);
        } else if (value instanceof JsonArray list && !list.isEmpty()) {
            out.append('\n');
            list(list, indent);
        } else {
            out.append(' ').append(scalar(value)).append('\n');
        }
    }

    private void list(JsonArray list, int indent) {
        for (JsonElement item : list) {
            out.repeat(' ', indent).append('-');
            if (item instanceof JsonObject map && !map.isEmpty()) {
                out.append(' ');
                map(map, indent + 2, true);
            } else if (item instanceof JsonArray inner && !inner.isEmpty()) {
                out.append('\n');
                list(inner, indent + 2);
            } else {
                out.append(' ').append(scalar(item)).append('\n');
            }
        }
    }

    private static String scalar(JsonElement value) {
        return switch (value) {
            case JsonPrimitive text when text.isString() -> text(text.getAsString());
            case JsonObject _ -> "{}";
            case JsonArray _ -> "[]";
            default -> value.toString();
        };
    }

    private static String text(String text) {
        boolean plain = PLAIN.matcher(text).matches()
                && !NO_TEXTS.contains(text.toLowerCase(java.util.Locale.ROOT))
                && text.length() < 4000;
        return plain ? text : Json.compact(new JsonPrimitive(text));
    }
}
