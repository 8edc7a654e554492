package dev.mesh.proxy.node;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Looks into trees of which nothing need be there.
final class Json {
    private Json() {}

    static @Nullable JsonElement at(JsonObject tree, String... path) {
        JsonElement found = tree;
        for (String name : path) {
            found = found instanceof JsonObject object ? object.get(name) : null;
        }
        return found;
    }

    /// Empty if there is no plain value.
    static String text(JsonObject tree, String... path) {
        return at(tree, path) instanceof JsonPrimitive value ? value.getAsString() : "";
    }

    static List<JsonObject> objects(JsonObject tree, String... path) {
        var objects = new ArrayList<JsonObject>();
        if (at(tree, path) instanceof JsonArray array) {
            for (JsonElement each : array) {
                if (each instanceof JsonObject object) {
                    objects.add(object);
                }
            }
        }
        return objects;
    }

    static List<String> strings(JsonObject tree, String... path) {
        var strings = new ArrayList<String>();
        if (at(tree, path) instanceof JsonArray array) {
            for (JsonElement each : array) {
                if (each instanceof JsonPrimitive value) {
                    strings.add(value.getAsString());
                }
            }
        }
        return strings;
    }

    static Map<String, String> map(JsonObject tree, String... path) {
        var map = new LinkedHashMap<String, String>();
        if (at(tree, path) instanceof JsonObject object) {
            object.entrySet().forEach(entry -> {
                if (entry.getValue() instanceof JsonPrimitive value) {
                    map.put(entry.getKey(), value.getAsString());
                }
            });
        }
        return map;
    }

    /// The one of that name, or null.
    static @Nullable JsonObject named(List<JsonObject> all, String name) {
        return all.stream()
                .filter(each -> text(each, "name").equals(name))
                .findFirst()
                .orElse(null);
    }
}
