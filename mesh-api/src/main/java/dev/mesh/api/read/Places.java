package dev.mesh.api.read;

import dev.mesh.api.finding.SourcePosition;
import dev.mesh.api.object.PositionIndex;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/// The tree of an object's fields with nothing but their places. Immutable, and free of the parsed text.
record Places(String file, Place root) implements PositionIndex {

    static Places of(String file, Node root, int lineOffset) {
        return new Places(file, place(root, root, lineOffset));
    }

    private static Place place(Node at, Node value, int lineOffset) {
        Map<String, Place> children = Map.of();
        if (value instanceof MappingNode mapping && !mapping.getValue().isEmpty()) {
            children = new HashMap<>();
            for (NodeTuple entry : mapping.getValue()) {
                if (entry.getKeyNode() instanceof ScalarNode key) {
                    children.putIfAbsent(key.getValue(), place(key, entry.getValueNode(), lineOffset));
                }
            }
        } else if (value instanceof SequenceNode sequence
                && !sequence.getValue().isEmpty()) {
            children = new HashMap<>();
            for (int i = 0; i < sequence.getValue().size(); i++) {
                Node item = sequence.getValue().get(i);
                children.put(Integer.toString(i), place(item, item, lineOffset));
            }
        }
        return new Place(
                at.getStartMark().map(mark -> mark.getLine()).orElse(0) + lineOffset + 1,
                at.getStartMark().map(mark -> mark.getColumn()).orElse(0) + 1,
                children);
    }

    @Override
    public SourcePosition of(String fieldPath) {
        Place place = root;
        for (String step : steps(fieldPath)) {
            @Nullable Place child = place.children.get(step);
            if (child == null) {
                break;
            }
            place = child;
        }
        return new SourcePosition(file, place.line, place.column);
    }

    /// Whether a field path is in the text.
    boolean has(String fieldPath) {
        Place place = root;
        for (String step : steps(fieldPath)) {
            Place child = place.children.get(step);
            if (child == null) {
                return false;
            }
            place = child;
        }
        return true;
    }

    /// Splits `a.b[0]["x.y"]` into `a`, `b`, `0`, `x.y`.
    private static List<String> steps(String path) {
        var steps = new ArrayList<String>();
        int at = 0;
        while (at < path.length()) {
            char c = path.charAt(at);
            if (c == '.') {
                at++;
            } else if (c == '[') {
                boolean quoted = path.startsWith("[\"", at);
                int end = quoted ? path.indexOf("\"]", at + 2) : path.indexOf(']', at);
                end = end < 0 ? path.length() : end;
                steps.add(path.substring(Math.min(at + (quoted ? 2 : 1), end), end));
                at = end + (quoted ? 2 : 1);
            } else {
                int end = at;
                while (end < path.length() && path.charAt(end) != '.' && path.charAt(end) != '[') {
                    end++;
                }
                steps.add(path.substring(at, end));
                at = end;
            }
        }
        return steps;
    }

    /// @param children by field name, map key or index; a key is never both
    record Place(int line, int column, Map<String, Place> children) {}
}
