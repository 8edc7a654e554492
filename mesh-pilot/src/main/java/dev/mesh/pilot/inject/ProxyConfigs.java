package dev.mesh.pilot.inject;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.mesh.api.networking.ProxyConfig;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.JsonTree;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Istio's ProxyConfig of one pod. Each may say what the ones before left open, or say it otherwise: the mesh's
/// `defaultConfig`, the ProxyConfig object of the root namespace, that of the pod's namespace, the annotation
/// `proxy.istio.io/config`, and the ProxyConfig object that selects the pod (Istio, `EffectiveProxyConfig`).
final class ProxyConfigs {
    private enum Honoured {
        YES,
        /// Says something of Envoy's process or of Istio's agent, which mesh-proxy has not.
        NO
    }

    private static final Pattern DURATION = Pattern.compile("-?(\\d+(\\.\\d+)?(ns|us|µs|ms|s|m|h))+|0");

    /// `mesh/v1alpha1 ProxyConfig`.
    private static final Map<String, Honoured> FIELDS = new TreeMap<>(Map.ofEntries(
            Map.entry("discoveryAddress", Honoured.YES),
            Map.entry("concurrency", Honoured.YES),
            Map.entry("drainDuration", Honoured.YES),
            Map.entry("terminationDrainDuration", Honoured.YES),
            Map.entry("holdApplicationUntilProxyStarts", Honoured.YES),
            Map.entry("statusPort", Honoured.YES),
            Map.entry("interceptionMode", Honoured.YES),
            Map.entry("proxyMetadata", Honoured.YES),
            Map.entry("configPath", Honoured.NO),
            Map.entry("binaryPath", Honoured.NO),
            Map.entry("serviceCluster", Honoured.NO),
            Map.entry("tracingServiceName", Honoured.NO),
            Map.entry("statsdUdpAddress", Honoured.NO),
            Map.entry("proxyAdminPort", Honoured.NO),
            Map.entry("controlPlaneAuthPolicy", Honoured.NO),
            Map.entry("customConfigFile", Honoured.NO),
            Map.entry("statNameLength", Honoured.NO),
            Map.entry("proxyBootstrapTemplatePath", Honoured.NO),
            Map.entry("tracing", Honoured.NO),
            Map.entry("sds", Honoured.NO),
            Map.entry("envoyAccessLogService", Honoured.NO),
            Map.entry("envoyMetricsService", Honoured.NO),
            Map.entry("gatewayTopology", Honoured.NO),
            Map.entry("extraStatTags", Honoured.NO),
            Map.entry("proxyStatsMatcher", Honoured.NO),
            Map.entry("readinessProbe", Honoured.NO),
            Map.entry("caCertificatesPem", Honoured.NO),
            Map.entry("image", Honoured.NO),
            Map.entry("privateKeyProvider", Honoured.NO),
            Map.entry("proxyHeaders", Honoured.NO),
            Map.entry("fileFlushInterval", Honoured.NO),
            Map.entry("fileFlushMinSizeKb", Honoured.NO),
            Map.entry("statsCompression", Honoured.NO),
            Map.entry("runtimeValues", Honoured.NO)));

    private ProxyConfigs() {}

    /// @param remark told `path, message` of an error
    /// @param left told `path, message` of what is not honoured
    /// @return null if an error was told
    static @Nullable JsonObject of(
            JsonObject pod,
            String namespace,
            InjectionSettings settings,
            BiConsumer<String, String> remark,
            BiConsumer<String, String> left) {
        JsonObject config = Json.object(settings.mesh(), "defaultConfig").deepCopy();
        Map<String, String> labels = Json.strings(pod, "metadata", "labels");
        merge(config, object(settings, settings.rootNamespace(), null, left));
        if (!namespace.equals(settings.rootNamespace())) {
            merge(config, object(settings, namespace, null, left));
        }
        var annotations = Json.strings(pod, "metadata", "annotations");
        String own = annotations.get(Names.PROXY_CONFIG);
        String path = Names.annotation(Names.PROXY_CONFIG);
        if (own != null) {
            JsonElement parsed;
            try {
                parsed = own.isBlank() ? JsonNull.INSTANCE : JsonTree.parse(own);
            } catch (IllegalArgumentException e) {
                remark.accept(path, e.getMessage() + " (expected: Istio's ProxyConfig as YAML)");
                return null;
            }
            if (parsed instanceof JsonObject tree) {
                if (!check(tree, path, remark, left)) {
                    return null;
                }
                merge(config, tree);
            } else if (!parsed.isJsonNull()) {
                remark.accept(path, "not a map (expected: Istio's ProxyConfig as YAML)");
                return null;
            }
        }
        merge(config, object(settings, namespace, labels, left));
        String address = annotations.getOrDefault(Names.DISCOVERY_ADDRESS, Json.text(config, "discoveryAddress"));
        config.addProperty("discoveryAddress", address.isEmpty() ? discoveryAddress(settings) : address);
        String statusPort = annotations.getOrDefault(Names.STATUS_PORT, "");
        if (!statusPort.isEmpty()) {
            config.addProperty("statusPort", Integer.valueOf(statusPort));
        }
        return config;
    }

    // The first ProxyConfig object of a namespace: of those without selector, or of those that select such labels.
    private static JsonObject object(
            InjectionSettings settings,
            String namespace,
            @Nullable Map<String, String> labels,
            BiConsumer<String, String> left) {
        for (MeshObject object : settings.proxyConfigs()) {
            if (object.spec() instanceof ProxyConfig spec
                    && object.ref().namespace().equals(namespace)) {
                Map<String, String> selected =
                        spec.selector() == null ? Map.of() : spec.selector().matchLabels();
                boolean fits = labels == null
                        ? selected.isEmpty()
                        : !selected.isEmpty() && labels.entrySet().containsAll(selected.entrySet());
                if (fits) {
                    if (spec.image() != null) {
                        left.accept("", object.ref() + ": spec.image has no effect: mesh has one image");
                    }
                    var metadata = new JsonObject();
                    spec.environmentVariables().forEach(metadata::addProperty);
                    return Json.of(
                            "concurrency", spec.concurrency(), "proxyMetadata", metadata.isEmpty() ? null : metadata);
                }
            }
        }
        return new JsonObject();
    }

    /// Where the pilot of these settings is asked, `mesh-pilot.mesh-system.svc:15012`.
    static String discoveryAddress(InjectionSettings settings) {
        String revision = settings.revision();
        return "mesh-pilot"
                + (revision.equals(InjectionSettings.DEFAULT_REVISION) ? "" : "-" + revision) + "."
                + settings.systemNamespace() + ".svc:15012";
    }

    private static boolean check(
            JsonObject tree, String path, BiConsumer<String, String> remark, BiConsumer<String, String> left) {
        boolean fine = true;
        for (var entry : tree.entrySet()) {
            String field = path + "." + entry.getKey();
            Honoured honoured = FIELDS.get(entry.getKey());
            if (honoured == null) {
                left.accept(field, "unknown (expected: a field of Istio's ProxyConfig)");
            } else if (honoured == Honoured.NO) {
                left.accept(field, "not honoured by mesh-proxy");
            }
            String expected = expected(entry.getKey(), entry.getValue());
            if (expected != null) {
                remark.accept(field, Json.compact(entry.getValue()) + " (expected: " + expected + ")");
                fine = false;
            }
        }
        return fine;
    }

    private static @Nullable String expected(String name, JsonElement value) {
        return switch (name) {
            case "concurrency" ->
                number(value, 0, 10_000) ? null : "a number of threads, 0 = as many as the CPU limit allows";
            case "statusPort" -> number(value, 0, 65535) ? null : "a port";
            case "drainDuration", "terminationDrainDuration" ->
                value instanceof JsonPrimitive text
                                && DURATION.matcher(text.getAsString()).matches()
                        ? null
                        : "a duration such as 45s";
            case "holdApplicationUntilProxyStarts" ->
                value instanceof JsonPrimitive flag && flag.isBoolean() ? null : "true or false";
            case "interceptionMode" ->
                value instanceof JsonPrimitive mode
                                && Set.of("REDIRECT", "TPROXY", "NONE").contains(mode.getAsString())
                        ? null
                        : "REDIRECT, TPROXY or NONE";
            case "proxyMetadata" ->
                value instanceof JsonObject map
                                && map.entrySet().stream().allMatch(entry -> entry.getValue() instanceof JsonPrimitive)
                        ? null
                        : "a map of texts";
            case "discoveryAddress" ->
                value instanceof JsonPrimitive address
                                && address.getAsString().matches("[^:\\s]+:\\d{1,5}|\\[.+]:\\d{1,5}")
                        ? null
                        : "host:port";
            default -> null;
        };
    }

    private static boolean number(JsonElement value, long least, long most) {
        if (!(value instanceof JsonPrimitive primitive)
                || !primitive.getAsString().matches("\\d{1,9}")) {
            return false;
        }
        long number = Long.parseLong(primitive.getAsString());
        return number >= least && number <= most;
    }

    /// Maps are joined, everything else is replaced.
    static void merge(JsonObject into, JsonObject over) {
        over.entrySet().forEach(entry -> {
            if (entry.getValue() instanceof JsonObject child && into.get(entry.getKey()) instanceof JsonObject base) {
                merge(base, child);
            } else {
                into.add(entry.getKey(), entry.getValue().deepCopy());
            }
        });
    }

    /// The environment variables of it, in the order of their names.
    static Map<String, String> metadata(JsonObject config) {
        return new TreeMap<>(Json.strings(config, "proxyMetadata"));
    }
}
