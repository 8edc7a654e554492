package dev.mesh.cli.client;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/// Finds resources in Envoy's `/config_dump` (`envoy.admin.v3.ConfigDump`), static and dynamic alike.
public final class Dump {
    private final List<JsonObject> sections = new ArrayList<>();

    public Dump(JsonElement root) {
        if (root.isJsonObject() && root.getAsJsonObject().has("configs")) {
            for (JsonElement section : array(root.getAsJsonObject(), "configs")) {
                sections.add(section.getAsJsonObject());
            }
        } else {
            throw new Failure("not a configuration dump (expected: an object with \"configs\")");
        }
    }

    public List<JsonObject> listeners() {
        return collect("ListenersConfigDump", (section, found) -> {
            each(section, "static_listeners", item -> add(found, item, "listener"));
            each(section, "dynamic_listeners", item -> {
                if (item.has("active_state")) {
                    add(found, item.getAsJsonObject("active_state"), "listener");
                }
            });
        });
    }

    public List<JsonObject> clusters() {
        return collect("ClustersConfigDump", (section, found) -> {
            each(section, "static_clusters", item -> add(found, item, "cluster"));
            each(section, "dynamic_active_clusters", item -> add(found, item, "cluster"));
        });
    }

    public List<JsonObject> routes() {
        return collect("RoutesConfigDump", (section, found) -> {
            each(section, "static_route_configs", item -> add(found, item, "route_config"));
            each(section, "dynamic_route_configs", item -> add(found, item, "route_config"));
        });
    }

    public List<JsonObject> endpoints() {
        return collect("EndpointsConfigDump", (section, found) -> {
            each(section, "static_endpoint_configs", item -> add(found, item, "endpoint_config"));
            each(section, "dynamic_endpoint_configs", item -> add(found, item, "endpoint_config"));
        });
    }

    public List<JsonObject> bootstrap() {
        return collect("BootstrapConfigDump", (section, found) -> add(found, section, "bootstrap"));
    }

    private interface Collector {
        void from(JsonObject section, List<JsonObject> found);
    }

    private List<JsonObject> collect(String type, Collector collector) {
        var found = new ArrayList<JsonObject>();
        for (var section : sections) {
            if (string(section, "@type").endsWith(type)) {
                collector.from(section, found);
            }
        }
        return found;
    }

    private static void each(JsonObject section, String field, Consumer<JsonObject> action) {
        for (JsonElement item : array(section, field)) {
            action.accept(item.getAsJsonObject());
        }
    }

    private static void add(List<JsonObject> found, JsonObject from, String field) {
        if (from.has(field)) {
            found.add(from.getAsJsonObject(field));
        }
    }

    /// The array in a field; empty if there is none.
    public static JsonArray array(JsonObject object, String field) {
        JsonElement value = object.get(field);
        return value != null && value.isJsonArray() ? value.getAsJsonArray() : new JsonArray();
    }

    /// The text in a field; empty if there is none.
    public static String string(JsonObject object, String field) {
        JsonElement value = object.get(field);
        return value != null && value.isJsonPrimitive() ? value.getAsString() : "";
    }

    /// The object in a field; empty if there is none.
    public static JsonObject object(JsonObject object, String field) {
        JsonElement value = object.get(field);
        return value != null && value.isJsonObject() ? value.getAsJsonObject() : new JsonObject();
    }
}
