package dev.mesh.pilot.inject;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Reading of JSON trees in which anything may be missing, and making of new ones.
public final class Json {
    private static final Gson COMPACT =
            new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

    private Json() {}

    /// @param keysAndValues pairs; a value is text, a number, a boolean or a tree; a null value leaves its key out
    static JsonObject of(@Nullable Object... keysAndValues) {
        var object = new JsonObject();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            Object value = keysAndValues[i + 1];
            if (value != null) {
                object.add(String.valueOf(keysAndValues[i]), element(value));
            }
        }
        return object;
    }

    static JsonArray listOf(Object... values) {
        var array = new JsonArray();
        for (Object value : values) {
            array.add(element(value));
        }
        return array;
    }

    private static JsonElement element(Object value) {
        return switch (value) {
            case JsonElement tree -> tree;
            case Boolean bool -> new JsonPrimitive(bool);
            case Number number -> new JsonPrimitive(number);
            default -> new JsonPrimitive(String.valueOf(value));
        };
    }

    /// The value at the end of names; null if there is none or it is null.
    public static @Nullable JsonElement at(JsonObject root, String... names) {
        JsonElement here = root;
        for (String name : names) {
            if (!(here instanceof JsonObject object) || !object.has(name)) {
                return null;
            }
            here = object.get(name);
        }
        return here.isJsonNull() ? null : here;
    }

    /// The object there; an empty one that belongs to nothing if there is none.
    public static JsonObject object(JsonObject root, String... names) {
        return at(root, names) instanceof JsonObject object ? object : new JsonObject();
    }

    /// The objects of the list there.
    public static List<JsonObject> objects(JsonObject root, String... names) {
        var objects = new ArrayList<JsonObject>();
        if (at(root, names) instanceof JsonArray array) {
            for (JsonElement element : array) {
                if (element instanceof JsonObject object) {
                    objects.add(object);
                }
            }
        }
        return objects;
    }

    /// The plain value there as text; empty if there is none.
    public static String text(JsonObject root, String... names) {
        return at(root, names) instanceof JsonPrimitive primitive ? primitive.getAsString() : "";
    }

    static boolean flag(JsonObject root, String... names) {
        return text(root, names).equals("true");
    }

    /// A map of texts, such as labels.
    public static Map<String, String> strings(JsonObject root, String... names) {
        var strings = new LinkedHashMap<String, String>();
        object(root, names).entrySet().forEach(entry -> {
            if (entry.getValue() instanceof JsonPrimitive primitive) {
                strings.put(entry.getKey(), primitive.getAsString());
            }
        });
        return strings;
    }

    /// The object of that name, made if need be.
    static JsonObject ensure(JsonObject parent, String name) {
        if (!(at(parent, name) instanceof JsonObject)) {
            parent.add(name, new JsonObject());
        }
        return parent.getAsJsonObject(name);
    }

    /// The list of that name, made if need be.
    static JsonArray ensureList(JsonObject parent, String name) {
        if (!(at(parent, name) instanceof JsonArray)) {
            parent.add(name, new JsonArray());
        }
        return parent.getAsJsonArray(name);
    }

    static JsonArray list(Stream<? extends JsonElement> elements) {
        var array = new JsonArray();
        elements.forEach(array::add);
        return array;
    }

    static @Nullable JsonObject named(List<JsonObject> objects, String name) {
        return objects.stream()
                .filter(object -> text(object, "name").equals(name))
                .findFirst()
                .orElse(null);
    }

    /// Without spaces, in the order of the tree.
    static String compact(JsonElement tree) {
        return COMPACT.toJson(tree);
    }
}
