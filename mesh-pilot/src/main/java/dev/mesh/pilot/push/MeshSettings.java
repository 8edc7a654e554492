package dev.mesh.pilot.push;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.k8s.Namespace;
import dev.mesh.api.meshconfig.MeshConfig;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.proxyconfig.ProxyConfigFields;
import dev.mesh.pilot.model.MeshDefaults;
import java.lang.reflect.RecordComponent;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What the settings of the mesh mean for its objects. Pure.
final class MeshSettings {
    private static final Set<String> HONOURED = Set.of(
            "outboundTrafficPolicy",
            "discoverySelectors",
            "defaultConfig",
            "trustDomain",
            "enablePrometheusMerge",
            "rootNamespace",
            "accessLogFile");

    private MeshSettings() {}

    static String rootNamespace(@Nullable MeshConfig mesh, MeshDefaults defaults) {
        String written = mesh == null ? null : mesh.rootNamespace();
        return written == null || written.isEmpty() ? defaults.rootNamespace() : written;
    }

    /// The objects of the namespaces that the mesh discovers; those without a namespace always.
    static Collection<MeshObject> discovered(Collection<MeshObject> objects) {
        List<MeshConfig.LabelSelector> selectors = objects.stream()
                .filter(object -> object.spec() instanceof MeshConfig)
                .findFirst()
                .map(object -> ((MeshConfig) object.spec()).discoverySelectors())
                .orElse(List.of());
        if (selectors.isEmpty()) {
            return objects;
        }
        var labels = new HashMap<String, Map<String, String>>();
        for (MeshObject object : objects) {
            if (object.spec() instanceof Namespace) {
                labels.put(object.ref().name(), object.metadata().labels());
            }
        }
        return objects.stream()
                .filter(object -> object.ref().namespace().isEmpty()
                        || object.spec() instanceof MeshConfig
                        || matches(selectors, labels.getOrDefault(object.ref().namespace(), Map.of())))
                .toList();
    }

    /// Whether a namespace of these labels is one that the mesh discovers.
    static boolean matches(List<MeshConfig.LabelSelector> selectors, Map<String, String> labels) {
        return selectors.isEmpty() || selectors.stream().anyMatch(selector -> selector.matches(labels));
    }

    /// A remark for each setting that says something and is not honoured.
    static void remark(MeshObject object, MeshConfig settings, List<Finding> findings) {
        for (RecordComponent component : MeshConfig.class.getRecordComponents()) {
            String name = component.getName();
            if (!HONOURED.contains(name) && value(component, settings) != null) {
                findings.add(Remarks.remark(
                        object, Finding.Code.NOT_HONOURED, name, "is not honoured yet, and has no effect"));
            }
        }
        if (settings.defaultConfig() instanceof Map<?, ?> proxies) {
            ProxyConfigFields.check(
                    tree(proxies),
                    (field, what) -> findings.add(Remarks.remark(
                            object,
                            Finding.Code.INVALID_VALUE,
                            "defaultConfig." + field,
                            what + ": pods do not start")),
                    (field, what) -> findings.add(
                            Remarks.remark(object, Finding.Code.NOT_HONOURED, "defaultConfig." + field, what)));
        }
        var outbound = settings.outboundTrafficPolicy();
        if (outbound != null && outbound.mode() == MeshConfig.Mode.ALLOW_ANY_DYNAMIC_DNS) {
            findings.add(Remarks.remark(
                    object,
                    Finding.Code.NOT_HONOURED,
                    "outboundTrafficPolicy.mode",
                    "ALLOW_ANY_DYNAMIC_DNS is not honoured yet: taken for ALLOW_ANY"));
        }
    }

    // What is kept as a plain tree holds texts alone.
    private static JsonObject tree(Map<?, ?> proxies) {
        var tree = new Gson().toJsonTree(proxies).getAsJsonObject();
        for (String flag : List.of("true", "false")) {
            tree.asMap()
                    .replaceAll((_, value) ->
                            value.equals(new JsonPrimitive(flag)) ? new JsonPrimitive(Boolean.valueOf(flag)) : value);
        }
        return tree;
    }

    private static @Nullable Object value(RecordComponent component, MeshConfig settings) {
        try {
            return component.getAccessor().invoke(settings);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(component + " cannot be read", e);
        }
    }
}
