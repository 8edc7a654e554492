package dev.mesh.api.read;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/// YAML (and so JSON) as a JSON tree, for texts that are no objects of Kubernetes' shape. Bounded: aliases that expand
/// for ever, or in a circle, are refused.
public final class JsonTree {
    private static final int DEEPEST = 100;
    private static final int MOST = 2_000_000;

    private int values;

    private JsonTree() {}

    /// @throws IllegalArgumentException with the place, as `line:column: what`, or only what
    public static JsonElement parse(String text) {
        return read(load -> new JsonTree().element(load.loadFromString(text), 0));
    }

    /// Each document of a text with several, without those that are empty.
    ///
    /// @throws IllegalArgumentException as [#parse]
    public static List<JsonElement> parseAll(String text) {
        return read(load -> {
            var documents = new ArrayList<JsonElement>();
            for (Object document : load.loadAllFromString(text)) {
                if (document != null) {
                    documents.add(new JsonTree().element(document, 0));
                }
            }
            return documents;
        });
    }

    private static <T> T read(Function<Load, T> reader) {
        try {
            return reader.apply(
                    new Load(LoadSettings.builder().setUseMarks(true).build()));
        } catch (MarkedYamlEngineException e) {
            String place = e.getProblemMark()
                    .map(mark -> (mark.getLine() + 1) + ":" + (mark.getColumn() + 1) + ": ")
                    .orElse("");
            throw new IllegalArgumentException(place + e.getProblem(), e);
        } catch (YamlEngineException e) {
            throw new IllegalArgumentException(String.valueOf(e.getMessage()).replaceAll("\\s+", " "), e);
        }
    }

    private JsonElement element(@Nullable Object value, int depth) {
        if (depth > DEEPEST || ++values > MOST) {
            throw new IllegalArgumentException(
                    "nested deeper than " + DEEPEST + " levels, or aliases that expand for ever or in a circle");
        }
        return switch (value) {
            case Map<?, ?> map -> {
                var object = new JsonObject();
                map.forEach((key, item) -> object.add(String.valueOf(key), element(item, depth + 1)));
                yield object;
            }
            case Iterable<?> items -> {
                var array = new JsonArray();
                items.forEach(item -> array.add(element(item, depth + 1)));
                yield array;
            }
            case Boolean bool -> new JsonPrimitive(bool);
            case Number number -> new JsonPrimitive(number);
            case null -> JsonNull.INSTANCE;
            default -> new JsonPrimitive(String.valueOf(value));
        };
    }
}
