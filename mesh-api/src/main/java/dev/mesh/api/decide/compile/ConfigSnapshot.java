package dev.mesh.api.decide.compile;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonSyntaxException;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.read.JsonTree;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The resources of one proxy at one moment.
///
/// @param notes what could not be understood and so is missing
public record ConfigSnapshot(
        List<Listener> listeners,
        Map<String, RouteConfiguration> routes,
        Map<String, Cluster> clusters,
        Map<String, ClusterLoadAssignment> endpoints,
        List<String> notes) {

    /// Reads Envoy's `/config_dump` (JSON), or a bootstrap with static resources (JSON or YAML).
    ///
    /// @param name of the text, for messages
    /// @throws IllegalArgumentException with a sentence if it is neither
    public static ConfigSnapshot parse(String name, String text) {
        JsonObject root = tree(name, text);
        try {
            return read(name, root);
        } catch (IllegalStateException | ClassCastException e) {
            throw new IllegalArgumentException(
                    name + ": not what Envoy dumps: "
                            + String.valueOf(e.getMessage()).replaceFirst("^Not a JSON", "expected a JSON"),
                    e);
        }
    }

    private static ConfigSnapshot read(String name, JsonObject root) {
        var reading = new Reading();
        if (root.has("configs") && root.get("configs").isJsonArray()) {
            for (JsonElement section : root.getAsJsonArray("configs")) {
                reading.section(section.getAsJsonObject());
            }
        } else if (root.has("static_resources") || root.has("staticResources")) {
            reading.bootstrap(
                    root.getAsJsonObject(root.has("static_resources") ? "static_resources" : "staticResources"));
        } else {
            throw new IllegalArgumentException(name
                    + ": neither a configuration dump (an object with \"configs\") nor a bootstrap with"
                    + " \"static_resources\"");
        }
        return reading.snapshot();
    }

    private static JsonObject tree(String name, String text) {
        JsonElement root;
        try {
            root = text.stripLeading().startsWith("{") ? JsonParser.parseString(text) : JsonTree.parse(text);
        } catch (JsonSyntaxException | IllegalArgumentException e) {
            throw new IllegalArgumentException(name + ": neither JSON nor YAML (" + e.getMessage() + ")", e);
        }
        if (!root.isJsonObject()) {
            throw new IllegalArgumentException(name + ": no object");
        }
        return root.getAsJsonObject();
    }

    private static final class Reading {
        private final List<Listener> listeners = new ArrayList<>();
        private final Map<String, RouteConfiguration> routes = new LinkedHashMap<>();
        private final Map<String, Cluster> clusters = new LinkedHashMap<>();
        private final Map<String, ClusterLoadAssignment> endpoints = new LinkedHashMap<>();
        private final List<String> notes = new ArrayList<>();

        private ConfigSnapshot snapshot() {
            return new ConfigSnapshot(listeners, routes, clusters, endpoints, notes);
        }

        private void section(JsonObject section) {
            each(section, "static_listeners", item -> listener(item.get("listener")));
            each(section, "dynamic_listeners", item -> {
                if (item.has("active_state")) {
                    listener(item.getAsJsonObject("active_state").get("listener"));
                }
            });
            each(section, "static_route_configs", item -> routes(item.get("route_config")));
            each(section, "dynamic_route_configs", item -> routes(item.get("route_config")));
            each(section, "static_clusters", item -> cluster(item.get("cluster")));
            each(section, "dynamic_active_clusters", item -> cluster(item.get("cluster")));
            each(section, "static_endpoint_configs", item -> endpoints(item.get("endpoint_config")));
            each(section, "dynamic_endpoint_configs", item -> endpoints(item.get("endpoint_config")));
        }

        private void bootstrap(JsonObject resources) {
            array(resources, "listeners").forEach(this::listener);
            array(resources, "clusters").forEach(this::cluster);
        }

        private interface Item {
            void read(JsonObject item);
        }

        private static void each(JsonObject section, String field, Item action) {
            array(section, field).forEach(item -> action.read(item.getAsJsonObject()));
        }

        private static Iterable<JsonElement> array(JsonObject section, String field) {
            JsonElement value = section.get(field);
            return value != null && value.isJsonArray() ? value.getAsJsonArray() : List.of();
        }

        private void listener(JsonElement from) {
            parse(from, Listener.newBuilder()).ifPresent(message -> listeners.add((Listener) message));
        }

        private void routes(JsonElement from) {
            parse(from, RouteConfiguration.newBuilder()).ifPresent(message -> {
                var read = (RouteConfiguration) message;
                routes.put(read.getName(), read);
            });
        }

        private void cluster(JsonElement from) {
            parse(from, Cluster.newBuilder()).ifPresent(message -> {
                var read = (Cluster) message;
                clusters.put(read.getName(), read);
                if (read.hasLoadAssignment()) {
                    endpoints.put(read.getName(), read.getLoadAssignment());
                }
            });
        }

        private void endpoints(JsonElement from) {
            parse(from, ClusterLoadAssignment.newBuilder()).ifPresent(message -> {
                var read = (ClusterLoadAssignment) message;
                endpoints.put(read.getClusterName(), read);
            });
        }

        // What another proxy dumps may hold extensions that are not known here: only its resource is missing then.
        private Optional<Message> parse(JsonElement from, Message.Builder builder) {
            if (from == null || !from.isJsonObject()) {
                return Optional.empty();
            }
            try {
                var copy = from.deepCopy().getAsJsonObject();
                copy.remove("@type");
                JsonFormat.parser()
                        .usingTypeRegistry(EnvoyTypes.REGISTRY)
                        .ignoringUnknownFields()
                        .merge(copy.toString(), builder);
                return Optional.of(builder.build());
            } catch (InvalidProtocolBufferException e) {
                JsonElement name = from.getAsJsonObject().get("name");
                notes.add(builder.getDescriptorForType().getName() + " " + (name == null ? "" : name.getAsString())
                        + ": not understood (" + e.getMessage() + ")");
                return Optional.empty();
            }
        }
    }
}
