package dev.mesh.cli.client;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/// Finds resources in Envoy's `/config_dump` (`envoy.admin.v3.ConfigDump`), static and dynamic alike.
public final class Dump {
    private final List<JsonObject> sections = new ArrayList<>();

    public Dump(JsonElement root) {
        if (root.isJsonObject() && root.getAsJsonObject().has("configs")) {
            for (JsonObject section : objects(root.getAsJsonObject(), "configs")) {
                sections.add(section);
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

    /// Listener → why its newest version was refused, or cannot be bound.
    public Map<String, String> refusedListeners() {
        var refused = new LinkedHashMap<String, String>();
        collect(
                "ListenersConfigDump",
                (section, _) -> each(section, "dynamic_listeners", item -> {
                    if (item.has("error_state")) {
                        refused.put(string(item, "name"), string(object(item, "error_state"), "details"));
                    }
                }));
        return refused;
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
        for (JsonObject item : objects(section, field)) {
            action.accept(item);
        }
    }

    private static void add(List<JsonObject> found, JsonObject from, String field) {
        if (from.get(field) instanceof JsonObject) {
            found.add(from.getAsJsonObject(field));
        }
    }

    /// The static parts of a bootstrap, as the proxy that runs it would dump them.
    static JsonObject ofBootstrap(JsonObject bootstrap) {
        JsonObject resources = object(bootstrap, "static_resources");
        var own = section("BootstrapConfigDump");
        own.add("bootstrap", bootstrap);
        var clusters = section("ClustersConfigDump");
        clusters.add("static_clusters", wrapped("cluster", array(resources, "clusters")));
        var listeners = section("ListenersConfigDump");
        listeners.add("static_listeners", wrapped("listener", array(resources, "listeners")));
        var inline = new JsonArray();
        for (JsonObject listener : objects(resources, "listeners")) {
            for (JsonObject chain : objects(listener, "filter_chains")) {
                for (JsonObject filter : objects(chain, "filters")) {
                    JsonObject config = object(filter, "typed_config");
                    if (config.has("route_config")) {
                        inline.add(config.get("route_config"));
                    }
                }
            }
        }
        var routes = section("RoutesConfigDump");
        routes.add("static_route_configs", wrapped("route_config", inline));
        var configs = new JsonArray();
        List.of(own, clusters, listeners, routes).forEach(configs::add);
        var root = new JsonObject();
        root.add("configs", configs);
        return root;
    }

    private static JsonObject section(String type) {
        var section = new JsonObject();
        section.addProperty("@type", "type.googleapis.com/envoy.admin.v3." + type);
        return section;
    }

    private static JsonArray wrapped(String field, JsonArray items) {
        var all = new JsonArray();
        for (JsonElement item : items) {
            var one = new JsonObject();
            one.add(field, item);
            all.add(one);
        }
        return all;
    }

    /// The endpoints that the configuration names, in the form of `/clusters?format=json`; who is healthy only a
    /// running proxy knows.
    public JsonObject clusterStatuses() {
        var assignments = new LinkedHashMap<String, JsonObject>();
        endpoints().forEach(one -> assignments.put(string(one, "cluster_name"), one));
        var statuses = new JsonArray();
        for (JsonObject cluster : clusters()) {
            String name = string(cluster, "name");
            String service = string(object(cluster, "eds_cluster_config"), "service_name");
            JsonObject assignment =
                    assignments.getOrDefault(service.isEmpty() ? name : service, object(cluster, "load_assignment"));
            var hosts = new JsonArray();
            for (JsonObject locality : objects(assignment, "endpoints")) {
                for (JsonObject endpoint : objects(locality, "lb_endpoints")) {
                    var host = new JsonObject();
                    host.add("address", object(object(endpoint, "endpoint"), "address"));
                    var health = new JsonObject();
                    String status = string(endpoint, "health_status");
                    health.addProperty("eds_health_status", status.isEmpty() ? "UNKNOWN" : status);
                    host.add("health_status", health);
                    hosts.add(host);
                }
            }
            var status = new JsonObject();
            status.addProperty("name", name);
            status.add("host_statuses", hosts);
            statuses.add(status);
        }
        var root = new JsonObject();
        root.add("cluster_statuses", statuses);
        return root;
    }

    /// The array in a field; empty if there is none.
    public static JsonArray array(JsonObject object, String field) {
        JsonElement value = object.get(field);
        return value != null && value.isJsonArray() ? value.getAsJsonArray() : new JsonArray();
    }

    /// The objects in a field; none if there is no array.
    ///
    /// @throws Failure if something else is among them
    public static List<JsonObject> objects(JsonObject object, String field) {
        var all = new ArrayList<JsonObject>();
        for (JsonElement item : array(object, field)) {
            if (!item.isJsonObject()) {
                throw new Failure("not what a proxy runs: " + field + " holds " + item + " (expected: objects)");
            }
            all.add(item.getAsJsonObject());
        }
        return all;
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
