package dev.mesh.api.read;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.common.FlowStyle;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;

/// Trees of maps, lists and scalars as the nodes that a text would have given.
final class Trees {
    private Trees() {}

    /// @throws IllegalArgumentException if there is anything else in it
    static Node node(@Nullable Object value) {
        return switch (value) {
            case null -> new ScalarNode(Tag.NULL, "null", ScalarStyle.PLAIN);
            case Map<?, ?> map -> {
                var tuples = new ArrayList<NodeTuple>();
                map.forEach((name, item) -> tuples.add(new NodeTuple(
                        new ScalarNode(Tag.STR, String.valueOf(name), ScalarStyle.DOUBLE_QUOTED), node(item))));
                yield new MappingNode(Tag.MAP, tuples, FlowStyle.BLOCK);
            }
            case List<?> items ->
                new SequenceNode(Tag.SEQ, items.stream().map(Trees::node).toList(), FlowStyle.BLOCK);
            case String text -> new ScalarNode(Tag.STR, text, ScalarStyle.DOUBLE_QUOTED);
            case Boolean bool -> new ScalarNode(Tag.BOOL, bool.toString(), ScalarStyle.PLAIN);
            case Double real -> new ScalarNode(Tag.FLOAT, real.toString(), ScalarStyle.PLAIN);
            case Float real -> new ScalarNode(Tag.FLOAT, real.toString(), ScalarStyle.PLAIN);
            case Number number -> new ScalarNode(Tag.INT, number.toString(), ScalarStyle.PLAIN);
            default -> throw new IllegalArgumentException("no value of a tree: " + value.getClass());
        };
    }
}
