package dev.mesh.pilot.inject;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/// The kubelet's probes go to the proxy's own port, which asks the application: intercepted they would need the
/// mesh's certificates. What to ask stands in `ISTIO_KUBE_APP_PROBERS`, as Istio's agent reads it.
final class ProbeRewrite {
    static final String VARIABLE = "ISTIO_KUBE_APP_PROBERS";

    private enum Place {
        READINESS("readinessProbe", "/app-health/", "readyz"),
        LIVENESS("livenessProbe", "/app-health/", "livez"),
        STARTUP("startupProbe", "/app-health/", "startupz"),
        PRE_STOP("preStop", "/app-lifecycle/", "prestopz"),
        POST_START("postStart", "/app-lifecycle/", "poststartz");

        private final String field;
        private final String prefix;
        private final String suffix;

        Place(String field, String prefix, String suffix) {
            this.field = field;
            this.prefix = prefix;
            this.suffix = suffix;
        }

        boolean isProbe() {
            return prefix.equals("/app-health/");
        }

        String path(String container) {
            return prefix + container + "/" + suffix;
        }

        JsonObject parent(JsonObject container) {
            return isProbe() ? container : Json.object(container, "lifecycle");
        }

        String shown() {
            return isProbe() ? field : "lifecycle." + field;
        }
    }

    private ProbeRewrite() {}

    /// Changes the probes of the application's containers.
    ///
    /// @param statusPort where the proxy answers for them
    /// @param remark told `path, message` of a probe that stays as it is
    /// @return the variable's value, empty if there is nothing to ask
    static String apply(JsonObject pod, int statusPort, BiConsumer<String, String> remark) {
        var asked = new TreeMap<String, JsonObject>();
        for (String list : List.of("initContainers", "containers")) {
            List<JsonObject> containers = Json.objects(pod, "spec", list);
            for (int i = 0; i < containers.size(); i++) {
                JsonObject container = containers.get(i);
                if (!Json.text(container, "name").equals(Names.PROXY)) {
                    container(container, "spec." + list + "[" + i + "].", statusPort, asked, remark);
                }
            }
        }
        if (asked.isEmpty()) {
            return "";
        }
        var all = new JsonObject();
        asked.forEach(all::add);
        return Json.compact(all);
    }

    private static void container(
            JsonObject container,
            String path,
            int statusPort,
            Map<String, JsonObject> asked,
            BiConsumer<String, String> remark) {
        for (Place place : Place.values()) {
            JsonObject probe = Json.object(place.parent(container), place.field);
            String shown = path + place.shown();
            String kind = List.of("httpGet", "tcpSocket", "grpc").stream()
                    .filter(probe::has)
                    .findFirst()
                    .orElse("");
            if (kind.isEmpty() || (kind.equals("grpc") && !place.isProbe())) {
                continue;
            }
            JsonObject action = Json.object(probe, kind);
            if (!Json.text(action, "host").isEmpty()) {
                remark.accept(
                        shown + "." + kind + ".host",
                        "the probe goes to " + Json.text(action, "host") + " as before, not through the proxy");
                continue;
            }
            Integer port = port(container, action);
            if (port == null) {
                remark.accept(
                        shown + "." + kind + ".port",
                        Json.text(action, "port") + " is no port of this container; the probe stays as it is");
                continue;
            }
            JsonObject target = action.deepCopy();
            target.addProperty("port", port);
            JsonElement seconds = Json.at(probe, "timeoutSeconds");
            asked.put(
                    place.path(Json.text(container, "name")),
                    Json.of(kind, target, "timeoutSeconds", place.isProbe() ? seconds : null));
            // Headers stay on the kubelet's request, since the proxy passes them on.
            JsonObject own = Json.of("path", place.path(Json.text(container, "name")), "port", statusPort);
            if (kind.equals("httpGet")) {
                JsonElement headers = Json.at(action, "httpHeaders");
                if (headers != null) {
                    own.add("httpHeaders", headers.deepCopy());
                }
                if (Json.at(action, "scheme") != null) {
                    own.addProperty("scheme", "HTTP");
                }
            }
            probe.remove(kind);
            probe.add("httpGet", own);
        }
    }

    private static @Nullable Integer port(JsonObject container, JsonObject action) {
        String port = Json.text(action, "port");
        if (port.matches("\\d{1,5}")) {
            return Integer.valueOf(port);
        }
        return Json.objects(container, "ports").stream()
                .filter(named -> !port.isEmpty() && Json.text(named, "name").equals(port))
                .map(named -> Integer.valueOf(Json.text(named, "containerPort")))
                .findFirst()
                .orElse(null);
    }

    /// Takes back what [#apply] has done.
    ///
    /// @param variable the value that it gave
    static void undo(JsonObject pod, String variable) {
        JsonObject asked;
        try {
            asked = JsonParser.parseString(variable).getAsJsonObject();
        } catch (JsonParseException | IllegalStateException e) {
            return; // somebody else's: nothing to take back
        }
        var places = new HashMap<String, JsonObject>();
        asked.entrySet()
                .forEach(entry -> places.put(entry.getKey(), entry.getValue().getAsJsonObject()));
        var containers = new ArrayList<>(Json.objects(pod, "spec", "initContainers"));
        containers.addAll(Json.objects(pod, "spec", "containers"));
        for (JsonObject container : containers) {
            for (Place place : Place.values()) {
                String path = place.path(Json.text(container, "name"));
                JsonObject probe = Json.object(place.parent(container), place.field);
                JsonObject target = places.get(path);
                if (target != null && Json.text(probe, "httpGet", "path").equals(path)) {
                    probe.remove("httpGet");
                    target.entrySet().stream()
                            .filter(entry -> !entry.getKey().equals("timeoutSeconds"))
                            .forEach(entry ->
                                    probe.add(entry.getKey(), entry.getValue().deepCopy()));
                }
            }
        }
    }
}
