package dev.mesh.api.read;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.shape.IntOrText;
import dev.mesh.api.shape.Shape;
import dev.mesh.api.shape.TimeSpans;
import dev.mesh.api.shape.Unused;
import java.lang.reflect.InvocationTargetException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;

/// Reads YAML nodes into records by their shapes. Says everything that is wrong, and goes on with defaults.
final class ValueReader {
    /// Hears what is wrong.
    interface Problems {
        void add(Finding.Code code, String path, String message);
    }

    private final Problems problems;

    ValueReader(Problems problems) {
        this.problems = problems;
    }

    /// @return the record, or null if the node is no mapping
    @Nullable
    Object record(Shape.Fields shape, Node node, String path) {
        if (Documents.isNull(node)) {
            return build(shape, Map.of(), path);
        }
        if (!(node instanceof MappingNode mapping)) {
            wrong(path, node, "an object");
            return null;
        }
        var values = new LinkedHashMap<String, Node>();
        for (NodeTuple entry : mapping.getValue()) {
            if (entry.getKeyNode() instanceof ScalarNode key) {
                if (values.put(key.getValue(), entry.getValueNode()) != null) {
                    problems.add(Finding.Code.INVALID_VALUE, join(path, key.getValue()), "stands twice");
                }
            } else {
                problems.add(Finding.Code.WRONG_TYPE, path, "a field's name is not text");
            }
        }
        return build(shape, values, path);
    }

    private @Nullable Object build(Shape.Fields shape, Map<String, Node> values, String path) {
        Set<String> unread = new HashSet<>(values.keySet());
        unread.removeAll(shape.unused());
        boolean anyName = shape.unused().contains(Unused.ANY);
        var arguments = new @Nullable Object[shape.fields().size()];
        for (int i = 0; i < arguments.length; i++) {
            Shape.Field field = shape.fields().get(i);
            arguments[i] = field.inline()
                    ? inline((Shape.OneOf) field.shape(), values, unread, path, field.nullable())
                    : field(field, values, unread, path);
        }
        for (String name : values.keySet()) {
            if (unread.contains(name) && !anyName) {
                problems.add(Finding.Code.UNKNOWN_FIELD, join(path, name), "no such field" + suggestion(name, shape));
            }
        }
        try {
            return shape.constructor().newInstance(arguments);
        } catch (InvocationTargetException e) {
            problems.add(Finding.Code.INVALID_VALUE, path, String.valueOf(e.getCause()));
            return null;
        } catch (InstantiationException | IllegalAccessException e) {
            throw new IllegalStateException(shape.constructor() + " cannot be called", e);
        }
    }

    private @Nullable Object field(Shape.Field field, Map<String, Node> values, Set<String> unread, String path) {
        Node found = null;
        String used = field.name();
        for (String name : field.names()) {
            Node candidate = values.get(name);
            if (candidate != null && found == null) {
                found = candidate;
                used = name;
            }
            unread.remove(name);
        }
        if (found == null || (Documents.isNull(found) && !(field.shape() instanceof Shape.OneOf))) {
            if (field.required()) {
                problems.add(Finding.Code.MISSING_FIELD, join(path, field.name()), "missing");
            }
            return field.nullable() ? null : defaultOf(field.shape());
        }
        Object value = value(field.shape(), found, join(path, used));
        return value == null && !field.nullable() ? defaultOf(field.shape()) : value;
    }

    private @Nullable Object inline(
            Shape.OneOf shape, Map<String, Node> values, Set<String> unread, String path, boolean nullable) {
        Shape.Variant chosen = null;
        String first = "";
        for (Shape.Variant variant : shape.variants()) {
            for (Shape.Field field : variant.shape().fields()) {
                if (values.containsKey(field.name()) || field.names().stream().anyMatch(values::containsKey)) {
                    if (chosen != null && chosen != variant) {
                        problems.add(
                                Finding.Code.INVALID_VALUE,
                                join(path, field.name()),
                                "stands beside " + first + " (expected: one of " + String.join(", ", shape.keys())
                                        + ")");
                        field.names().forEach(unread::remove);
                    } else {
                        chosen = variant;
                        first = field.name();
                    }
                }
            }
        }
        if (chosen == null) {
            return nullable ? null : defaultOf(shape);
        }
        var own = new LinkedHashMap<String, Node>();
        for (Shape.Field field : chosen.shape().fields()) {
            for (String name : field.names()) {
                Node node = values.get(name);
                if (node != null) {
                    own.put(name, node);
                    unread.remove(name);
                }
            }
        }
        return build(chosen.shape(), own, path);
    }

    private @Nullable Object value(Shape shape, Node node, String path) {
        return switch (shape) {
            case Shape.Text() -> text(node, path);
            case Shape.Whole whole -> whole(whole, node, path);
            case Shape.Decimal() -> decimal(node, path);
            case Shape.Bool() -> bool(node, path);
            case Shape.TimeSpan() -> timeSpan(node, path);
            case Shape.IntOrText() ->
                node instanceof ScalarNode scalar
                        ? new IntOrText(scalar.getValue())
                        : wrong(path, node, "a number or text");
            case Shape.Any() -> plain(node);
            case Shape.Choice choice -> choice(choice, node, path);
            case Shape.ListOf(Shape item) -> list(item, node, path);
            case Shape.MapOf(Shape item) -> map(item, node, path);
            case Shape.Fields fields -> record(fields, node, path);
            case Shape.OneOf oneOf -> oneOf(oneOf, node, path);
        };
    }

    private @Nullable Object oneOf(Shape.OneOf shape, Node node, String path) {
        if (Documents.isNull(node)
                || (node instanceof MappingNode mapping && mapping.getValue().isEmpty())) {
            for (Shape.Variant variant : shape.variants()) {
                if (variant.shape().fields().isEmpty()) {
                    return build(variant.shape(), Map.of(), path);
                }
            }
            problems.add(
                    Finding.Code.MISSING_FIELD,
                    path,
                    "empty (expected: one of " + String.join(", ", shape.keys()) + ")");
            return null;
        }
        if (!(node instanceof MappingNode mapping)) {
            return wrong(path, node, "an object with one of " + String.join(", ", shape.keys()));
        }
        var values = new LinkedHashMap<String, Node>();
        for (NodeTuple entry : mapping.getValue()) {
            if (entry.getKeyNode() instanceof ScalarNode key) {
                values.put(key.getValue(), entry.getValueNode());
            }
        }
        Set<String> unread = new HashSet<>(values.keySet());
        Object value = inline(shape, values, unread, path, true);
        for (String name : values.keySet()) {
            if (unread.contains(name)) {
                problems.add(
                        Finding.Code.UNKNOWN_FIELD,
                        join(path, name),
                        "no such field" + Suggestion.phrase(name, shape.keys()) + " (expected: one of "
                                + String.join(", ", shape.keys()) + ")");
            }
        }
        return value;
    }

    private @Nullable Object text(Node node, String path) {
        if (node instanceof ScalarNode scalar) {
            if (scalar.getScalarStyle() == ScalarStyle.PLAIN && !scalar.getTag().equals(Tag.STR)) {
                problems.add(
                        Finding.Code.WRONG_TYPE,
                        path,
                        scalar.getValue() + " is " + what(scalar) + " (expected: text; put it in quotes)");
            }
            return scalar.getValue();
        }
        return wrong(path, node, "text");
    }

    private @Nullable Object whole(Shape.Whole shape, Node node, String path) {
        String text = node instanceof ScalarNode scalar ? scalar.getValue() : "";
        try {
            long number = Long.parseLong(text);
            if (number < shape.least() || number > shape.most()) {
                problems.add(Finding.Code.INVALID_VALUE, path, text + " (expected: at most " + shape.most() + ")");
                return null;
            }
            return shape.most() == Integer.MAX_VALUE ? (Object) (int) number : (Object) number;
        } catch (NumberFormatException e) {
            return wrong(path, node, "a whole number");
        }
    }

    private @Nullable Object decimal(Node node, String path) {
        try {
            return node instanceof ScalarNode scalar
                    ? (Object) Double.parseDouble(scalar.getValue())
                    : wrong(path, node, "a number");
        } catch (NumberFormatException e) {
            return wrong(path, node, "a number");
        }
    }

    private @Nullable Object bool(Node node, String path) {
        if (node instanceof ScalarNode scalar) {
            switch (scalar.getValue()) {
                case "true" -> {
                    return true;
                }
                case "false" -> {
                    return false;
                }
                default -> {}
            }
        }
        return wrong(path, node, "true or false");
    }

    private @Nullable Object timeSpan(Node node, String path) {
        if (node instanceof ScalarNode scalar) {
            var parsed = TimeSpans.parse(scalar.getValue());
            if (parsed.isPresent()) {
                return parsed.get();
            }
        }
        return wrong(path, node, "a length of time such as 1.5s or 1h30m");
    }

    private @Nullable Object choice(Shape.Choice shape, Node node, String path) {
        if (node instanceof ScalarNode scalar) {
            for (Enum<?> constant : shape.constants()) {
                if (constant.name().equals(scalar.getValue())) {
                    return constant;
                }
            }
            problems.add(
                    Finding.Code.WRONG_TYPE,
                    path,
                    "\"" + scalar.getValue() + "\"" + Suggestion.phrase(scalar.getValue(), shape.names())
                            + " (expected: one of " + String.join(", ", shape.names()) + ")");
            return null;
        }
        return wrong(path, node, "one of " + String.join(", ", shape.names()));
    }

    private @Nullable Object list(Shape item, Node node, String path) {
        if (!(node instanceof SequenceNode sequence)) {
            return wrong(path, node, "a list");
        }
        var list = new ArrayList<Object>();
        for (int i = 0; i < sequence.getValue().size(); i++) {
            Object value = value(item, sequence.getValue().get(i), path + "[" + i + "]");
            if (value != null) {
                list.add(value);
            }
        }
        return List.copyOf(list);
    }

    private @Nullable Object map(Shape item, Node node, String path) {
        if (!(node instanceof MappingNode mapping)) {
            return wrong(path, node, "an object");
        }
        var map = new LinkedHashMap<String, Object>();
        for (NodeTuple entry : mapping.getValue()) {
            if (entry.getKeyNode() instanceof ScalarNode key) {
                Object value = value(item, entry.getValueNode(), path + "[\"" + key.getValue() + "\"]");
                if (value != null) {
                    map.put(key.getValue(), value);
                }
            }
        }
        return java.util.Collections.unmodifiableMap(map);
    }

    private static Object plain(Node node) {
        return switch (node) {
            case MappingNode mapping -> {
                var map = new LinkedHashMap<String, Object>();
                for (NodeTuple entry : mapping.getValue()) {
                    if (entry.getKeyNode() instanceof ScalarNode key) {
                        map.put(key.getValue(), plain(entry.getValueNode()));
                    }
                }
                yield map;
            }
            case SequenceNode sequence ->
                sequence.getValue().stream().map(ValueReader::plain).toList();
            case ScalarNode scalar -> scalar.getValue();
            default -> "";
        };
    }

    private @Nullable Object wrong(String path, Node node, String expected) {
        String got = switch (node) {
            case ScalarNode scalar -> "\"" + scalar.getValue() + "\"";
            case SequenceNode ignored -> "a list";
            default -> "an object";
        };
        problems.add(Finding.Code.WRONG_TYPE, path, got + " (expected: " + expected + ")");
        return null;
    }

    private static String what(ScalarNode scalar) {
        if (scalar.getTag().equals(Tag.BOOL)) {
            return "true or false";
        }
        return scalar.getTag().equals(Tag.NULL) ? "nothing" : "a number";
    }

    private static @Nullable Object defaultOf(Shape shape) {
        return switch (shape) {
            case Shape.Text() -> "";
            case Shape.Whole whole -> whole.most() == Integer.MAX_VALUE ? (Object) 0 : (Object) 0L;
            case Shape.Decimal() -> 0.0;
            case Shape.Bool() -> false;
            case Shape.IntOrText() -> IntOrText.UNSET;
            case Shape.Choice choice -> choice.constants().getFirst();
            case Shape.ListOf ignored -> List.of();
            case Shape.MapOf ignored -> Map.of();
            case Shape.Any() -> Map.of();
            case Shape.TimeSpan() -> Duration.ZERO;
            case Shape.Fields fields -> empty(fields);
            case Shape.OneOf _ -> null;
        };
    }

    // In the place of one that is missing or no object, so that the fields beside it can be judged.
    private static Object empty(Shape.Fields shape) {
        try {
            return shape.constructor()
                    .newInstance(shape.fields().stream()
                            .map(field -> field.nullable() ? null : defaultOf(field.shape()))
                            .toArray());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(shape.constructor() + " cannot be called", e);
        }
    }

    static String join(String path, String name) {
        boolean plain = name.chars().allMatch(c -> Character.isLetterOrDigit(c) || c == '_' || c == '-');
        if (!plain) {
            return path + "[\"" + name + "\"]";
        }
        return path.isEmpty() ? name : path + "." + name;
    }

    // The field that was surely meant.
    private static String suggestion(String name, Shape.Fields shape) {
        var candidates = new ArrayList<String>();
        for (Shape.Field field : shape.fields()) {
            candidates.addAll(
                    field.inline() && field.shape() instanceof Shape.OneOf oneOf ? oneOf.keys() : field.names());
        }
        return Suggestion.phrase(name, candidates);
    }
}
