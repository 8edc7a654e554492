package dev.mesh.proxy.boot;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.OneofDescriptor;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.api.read.Suggestion;
import java.util.ArrayList;
import java.util.HashMap;
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

/// Compares a tree of YAML with the descriptors of the messages that it is to become: every field that does not exist,
/// every value of a wrong type, each with its place. What comes through is left to protobuf's own parser.
final class BootstrapCheck {
    private static final Set<String> FREE =
            Set.of("google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue");
    private static final Set<String> SCALAR = Set.of(
            "google.protobuf.Duration",
            "google.protobuf.Timestamp",
            "google.protobuf.FieldMask",
            "google.protobuf.BoolValue",
            "google.protobuf.StringValue",
            "google.protobuf.BytesValue",
            "google.protobuf.Int32Value",
            "google.protobuf.UInt32Value",
            "google.protobuf.Int64Value",
            "google.protobuf.UInt64Value",
            "google.protobuf.FloatValue",
            "google.protobuf.DoubleValue");
    private static final Set<String> WHOLE_NUMBERS = Set.of(
            "google.protobuf.Int32Value",
            "google.protobuf.UInt32Value",
            "google.protobuf.Int64Value",
            "google.protobuf.UInt64Value");

    private final String file;
    private final List<String> problems = new ArrayList<>();
    private final Map<String, String> places = new HashMap<>();

    BootstrapCheck(String file) {
        this.file = file;
    }

    /// @return every problem, as `file:line:column: path: what (expected: ...)`
    List<String> problems() {
        return problems;
    }

    /// `file:line:column`, by field path; `` is the whole.
    Map<String, String> places() {
        return places;
    }

    void message(Descriptor type, Node node, String path) {
        places.put(path, place(node));
        if (FREE.contains(type.getFullName())) {
            return;
        }
        if (SCALAR.contains(type.getFullName())) {
            wrapped(type, node, path);
            return;
        }
        if (!(node instanceof MappingNode mapping)) {
            wrong(node, path, "an object");
            return;
        }
        if (type.getFullName().equals("google.protobuf.Any")) {
            packed(mapping, path);
            return;
        }
        fields(type, mapping, path, false);
    }

    private void packed(MappingNode mapping, String path) {
        for (NodeTuple entry : mapping.getValue()) {
            if (entry.getKeyNode() instanceof ScalarNode key && key.getValue().equals("@type")) {
                String url = entry.getValueNode() instanceof ScalarNode value ? value.getValue() : "";
                String name = url.substring(url.lastIndexOf('/') + 1);
                Descriptor type = EnvoyTypes.REGISTRY.find(name);
                if (type == null) {
                    problem(
                            entry.getValueNode(),
                            path + ".@type",
                            "\"" + url + "\" is no type that mesh-proxy supports"
                                    + Suggestion.phrase(name, EnvoyTypes.names()));
                } else {
                    fields(type, mapping, path, true);
                }
                return;
            }
        }
        problem(mapping, path, "no \"@type\" (expected: the type of this message, type.googleapis.com/...)");
    }

    private void fields(Descriptor type, MappingNode mapping, String path, boolean packed) {
        var seen = new HashMap<String, String>();
        var chosen = new HashMap<OneofDescriptor, String>();
        for (NodeTuple entry : mapping.getValue()) {
            if (!(entry.getKeyNode() instanceof ScalarNode key)) {
                problem(entry.getKeyNode(), path, "a field's name is not text");
                continue;
            }
            String name = key.getValue();
            if (packed && name.equals("@type")) {
                continue;
            }
            String at = path.isEmpty() ? name : path + "." + name;
            FieldDescriptor field = field(type, name);
            if (field == null) {
                problem(key, at, "no such field of " + type.getName() + Suggestion.phrase(name, names(type)));
                continue;
            }
            if (seen.put(field.getName(), name) != null) {
                problem(key, at, "stands twice");
            }
            OneofDescriptor oneof = field.getRealContainingOneof();
            String other = oneof == null || isNull(entry.getValueNode()) ? null : chosen.put(oneof, name);
            if (other != null) {
                problem(key, at, "stands beside " + other + " (expected: one of them)");
            }
            places.put(at, place(key));
            value(field, entry.getValueNode(), at);
        }
    }

    private static @Nullable FieldDescriptor field(Descriptor type, String name) {
        FieldDescriptor field = type.findFieldByName(name);
        if (field == null) {
            for (FieldDescriptor candidate : type.getFields()) {
                if (candidate.getJsonName().equals(name)) {
                    return candidate;
                }
            }
        }
        return field;
    }

    private static List<String> names(Descriptor type) {
        return type.getFields().stream().map(FieldDescriptor::getName).toList();
    }

    private void value(FieldDescriptor field, Node node, String path) {
        if (isNull(node)) {
            return;
        }
        if (field.isMapField()) {
            if (node instanceof MappingNode mapping) {
                FieldDescriptor item = field.getMessageType().findFieldByName("value");
                for (NodeTuple entry : mapping.getValue()) {
                    String key = entry.getKeyNode() instanceof ScalarNode scalar ? scalar.getValue() : "";
                    one(item, entry.getValueNode(), path + "[\"" + key + "\"]");
                }
            } else {
                wrong(node, path, "an object");
            }
        } else if (field.isRepeated()) {
            if (node instanceof SequenceNode sequence) {
                for (int i = 0; i < sequence.getValue().size(); i++) {
                    one(field, sequence.getValue().get(i), path + "[" + i + "]");
                }
            } else {
                wrong(node, path, "a list");
            }
        } else {
            one(field, node, path);
        }
    }

    private void one(FieldDescriptor field, Node node, String path) {
        places.putIfAbsent(path, place(node));
        if (field.getJavaType() == FieldDescriptor.JavaType.MESSAGE) {
            message(field.getMessageType(), node, path);
            return;
        }
        if (!(node instanceof ScalarNode scalar)) {
            wrong(node, path, expected(field));
            return;
        }
        String text = scalar.getValue();
        boolean fine = switch (field.getJavaType()) {
            case BOOLEAN -> text.equals("true") || text.equals("false");
            case INT, LONG -> text.matches("[+-]?[0-9]+(\\.0+)?");
            case FLOAT, DOUBLE -> isNumber(text);
            case ENUM -> text.matches("-?[0-9]+") || field.getEnumType().findValueByName(text) != null;
            case STRING, BYTE_STRING, MESSAGE -> true;
        };
        if (!fine && field.getJavaType() == FieldDescriptor.JavaType.ENUM) {
            List<String> names = field.getEnumType().getValues().stream()
                    .map(EnumValueDescriptor::getName)
                    .toList();
            problem(
                    node,
                    path,
                    "\"" + text + "\"" + Suggestion.phrase(text, names) + " (expected: one of "
                            + String.join(", ", names) + ")");
        } else if (!fine) {
            wrong(node, path, expected(field));
        }
    }

    private void wrapped(Descriptor type, Node node, String path) {
        String name = type.getFullName();
        String text = node instanceof ScalarNode scalar ? scalar.getValue() : "";
        boolean isScalar = node instanceof ScalarNode;
        if (name.equals("google.protobuf.Duration")) {
            if (!isScalar || !text.matches("-?[0-9]+(\\.[0-9]{1,9})?s")) {
                wrong(node, path, "seconds such as 1.5s");
            }
        } else if (name.equals("google.protobuf.BoolValue")) {
            if (!text.equals("true") && !text.equals("false")) {
                wrong(node, path, "true or false");
            }
        } else if (WHOLE_NUMBERS.contains(name)) {
            if (!text.matches((name.contains(".U") ? "" : "-?") + "[0-9]+(\\.0+)?")) {
                wrong(node, path, name.contains(".U") ? "a whole number, 0 or more" : "a whole number");
            }
        } else if (!isScalar || (name.endsWith("FloatValue") || name.endsWith("DoubleValue")) && !isNumber(text)) {
            wrong(node, path, name.endsWith("StringValue") ? "text" : "a number");
        }
    }

    private static boolean isNumber(String text) {
        try {
            return !Double.isNaN(Double.parseDouble(text));
        } catch (NumberFormatException e) {
            return false;
        }
    }

    private static String expected(FieldDescriptor field) {
        return switch (field.getJavaType()) {
            case BOOLEAN -> "true or false";
            case INT, LONG -> "a whole number";
            case FLOAT, DOUBLE -> "a number";
            case ENUM -> "a word";
            case STRING -> "text";
            case BYTE_STRING -> "text in base64";
            case MESSAGE -> "an object";
        };
    }

    static boolean isNull(Node node) {
        return node instanceof ScalarNode scalar
                && scalar.getScalarStyle() == ScalarStyle.PLAIN
                && (scalar.getTag().equals(Tag.NULL) || scalar.getValue().isEmpty());
    }

    private void wrong(Node node, String path, String expected) {
        String got = switch (node) {
            case ScalarNode scalar -> "\"" + scalar.getValue() + "\"";
            case SequenceNode _ -> "a list";
            default -> "an object";
        };
        problem(node, path, got + " (expected: " + expected + ")");
    }

    private void problem(Node node, String path, String what) {
        problems.add(place(node) + ": " + (path.isEmpty() ? "" : path + ": ") + what);
    }

    private String place(Node node) {
        return file
                + node.getStartMark()
                        .map(mark -> ":" + (mark.getLine() + 1) + ":" + (mark.getColumn() + 1))
                        .orElse("");
    }
}
