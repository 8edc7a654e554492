package dev.mesh.pilot.inject;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import dev.mesh.api.networking.ProxyConfig;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.proxyconfig.ProxyConfigFields;
import dev.mesh.api.read.JsonTree;
import java.util.ArrayList;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/// Istio's ProxyConfig of one pod. Each may say what the ones before left open, or say it otherwise: the mesh's
/// `defaultConfig`, the ProxyConfig object of the root namespace, that of the pod's namespace, the annotation
/// `proxy.istio.io/config`, and the ProxyConfig object that selects the pod (Istio, `EffectiveProxyConfig`).
final class ProxyConfigs {
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
                var mistakes = new ArrayList<String>();
                ProxyConfigFields.check(
                        tree,
                        (field, what) -> {
                            mistakes.add(field);
                            remark.accept(path + "." + field, what);
                        },
                        (field, what) -> left.accept(path + "." + field, what));
                if (!mistakes.isEmpty()) {
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
