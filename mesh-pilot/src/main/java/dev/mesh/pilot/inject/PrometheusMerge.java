package dev.mesh.pilot.inject;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/// One scrape for the application's and the proxy's metrics: Prometheus is sent to the proxy's port, and where the
/// application has its own stands in `ISTIO_PROMETHEUS_ANNOTATIONS`, as Istio's agent reads it.
final class PrometheusMerge {
    static final String VARIABLE = "ISTIO_PROMETHEUS_ANNOTATIONS";

    private static final String SCRAPE = "prometheus_io_scrape";
    private static final String PORT = "prometheus_io_port";
    private static final String PATH = "prometheus_io_path";
    private static final String TARGETS = "prometheus_istio_io_scrape_targets";
    private static final List<String> ALL = List.of(SCRAPE, PORT, PATH, TARGETS);

    private PrometheusMerge() {}

    // Prometheus takes prometheus.io/port, prometheus.io.port and prometheus-io/port for one.
    private static String label(String annotation) {
        return annotation.replaceAll("[^A-Za-z0-9_]", "_");
    }

    /// Changes the annotations.
    ///
    /// @param statusPort where the proxy answers
    /// @param remark told `path, message` of an error
    /// @return the variable's value, empty if there is nothing to merge
    static String apply(
            JsonObject pod, InjectionSettings settings, String statusPort, BiConsumer<String, String> remark) {
        Map<String, String> annotations = Json.strings(pod, "metadata", "annotations");
        String port = "";
        String path = "";
        String scrape = "";
        JsonArray targets = new JsonArray();
        for (var entry : annotations.entrySet()) {
            switch (label(entry.getKey())) {
                case PORT -> port = entry.getValue();
                case PATH -> path = entry.getValue();
                case SCRAPE -> scrape = entry.getValue();
                case TARGETS -> targets = targets(entry.getKey(), entry.getValue(), remark);
                default -> {}
            }
        }
        boolean mesh = !Json.text(settings.mesh(), "enablePrometheusMerge").equals("false");
        boolean enabled = annotations
                .getOrDefault(Names.MERGE_METRICS, Boolean.toString(mesh))
                .equals("true");
        // A port that is the proxy's already was meant so.
        if (scrape.equals("false") || !enabled || statusPort.equals("0") || port.equals(statusPort)) {
            return "";
        }
        if (!targets.isEmpty()) {
            port = Json.text(targets.get(0).getAsJsonObject(), "port");
            path = Json.text(targets.get(0).getAsJsonObject(), "path");
        }
        if (!port.isEmpty()) {
            check("metadata.annotations[\"prometheus.io/port\"]", port, statusPort, remark);
        }
        JsonObject own = Json.of("scrape", scrape, "path", path, "port", port);
        if (!targets.isEmpty()) {
            own.add("targets", targets);
        }
        JsonObject tree = Json.ensure(Json.ensure(pod, "metadata"), "annotations");
        tree.entrySet().removeIf(entry -> ALL.contains(label(entry.getKey())));
        tree.addProperty("prometheus.io/port", statusPort);
        tree.addProperty("prometheus.io/path", "/stats/prometheus");
        tree.addProperty("prometheus.io/scrape", "true");
        return scrape.isEmpty() && path.isEmpty() && port.isEmpty() ? "" : Json.compact(own);
    }

    private static void check(String path, String port, String statusPort, BiConsumer<String, String> remark) {
        if (!AddressLists.port(port) || port.equals("0")) {
            remark.accept(path, port + " (expected: a port)");
        } else if (port.equals(statusPort) || PodRules.RESERVED.containsKey(Integer.valueOf(port))) {
            remark.accept(path, port + " is the proxy's own (expected: the application's port)");
        }
    }

    // "8080:/metrics,9090"
    private static JsonArray targets(String annotation, String value, BiConsumer<String, String> remark) {
        var targets = new JsonArray();
        for (String item : AddressLists.items(value)) {
            if (item.isEmpty()) {
                continue;
            }
            int colon = item.indexOf(':');
            String port = colon < 0 ? item : item.substring(0, colon).strip();
            String path = colon < 0 ? "" : item.substring(colon + 1).strip();
            check(Names.annotation(annotation), port, "", remark);
            targets.add(Json.of("path", path.isEmpty() ? "/metrics" : path, "port", port));
        }
        return targets;
    }

    /// Takes back what [#apply] has done.
    ///
    /// @param variable the value that it gave
    static void undo(JsonObject pod, String variable) {
        JsonObject annotations = Json.object(pod, "metadata", "annotations");
        if (!Json.text(annotations, "prometheus.io/path").equals("/stats/prometheus")) {
            return;
        }
        annotations.entrySet().removeIf(entry -> ALL.contains(label(entry.getKey())));
        if (variable.isEmpty()) {
            return;
        }
        try {
            JsonObject own = JsonParser.parseString(variable).getAsJsonObject();
            List<String> targets = Json.objects(own, "targets").stream()
                    .map(target -> Json.text(target, "port") + ":" + Json.text(target, "path"))
                    .toList();
            if (!targets.isEmpty()) {
                annotations.addProperty("prometheus.istio.io/scrape-targets", String.join(",", targets));
            }
            for (String name : List.of("scrape", "path", "port")) {
                String value = Json.text(own, name);
                if (!value.isEmpty() && (targets.isEmpty() || name.equals("scrape"))) {
                    annotations.add("prometheus.io/" + name, new JsonPrimitive(value));
                }
            }
        } catch (JsonParseException | IllegalStateException e) {
            return; // somebody else's: nothing to take back
        }
    }
}
