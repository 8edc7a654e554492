package dev.mesh.pilot.inject;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import dev.mesh.api.networking.ProxyConfig;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.JsonTree;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/// All that injection depends on beside the pod and its namespace.
///
/// @param mesh Istio's MeshConfig as a tree; of it `defaultConfig`, `enablePrometheusMerge` and `trustDomain` count
/// @param revision of this pilot; `default` if it has no other
/// @param systemNamespace where the pilot is
/// @param nativeSidecars as the API server's version has it, and what is known of the nodes
/// @param istioLabels whether `istio-injection` and its like are honoured beside `mesh.dev/injection`
/// @param proxyConfigs objects of the kind ProxyConfig, of all namespaces; where two fit alike, the first counts
/// @param network of the cluster, if the request's path names one; else empty
/// @param cluster likewise
public record InjectionSettings(
        InjectorConfig config,
        JsonObject values,
        JsonObject mesh,
        String revision,
        String systemNamespace,
        NativeSidecars nativeSidecars,
        boolean istioLabels,
        List<MeshObject> proxyConfigs,
        String cluster,
        String network) {
    public static final String DEFAULT_REVISION = "default";
    public static final String DEFAULT_NAMESPACE = "mesh-system";

    /// From the texts of the two ConfigMaps; each may be empty.
    ///
    /// @param config YAML, key `config` of `mesh-sidecar-injector`
    /// @param values JSON or YAML, key `values` of it
    /// @param mesh YAML, key `mesh` of `mesh`
    /// @throws IllegalArgumentException with a sentence that names the key
    public static InjectionSettings read(String config, String values, String mesh, String revision, String namespace) {
        return new InjectionSettings(
                InjectorConfig.read(config),
                tree("values", values),
                tree("mesh", mesh),
                revision.isEmpty() ? DEFAULT_REVISION : revision,
                namespace.isEmpty() ? DEFAULT_NAMESPACE : namespace,
                NativeSidecars.USUAL,
                true,
                List.of(),
                "",
                "");
    }

    private static JsonObject tree(String key, String text) {
        JsonElement parsed;
        try {
            parsed = text.isBlank() ? JsonNull.INSTANCE : JsonTree.parse(text);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(key + ": " + e.getMessage(), e);
        }
        if (parsed.isJsonNull()) {
            return new JsonObject();
        }
        if (!(parsed instanceof JsonObject tree)) {
            throw new IllegalArgumentException(key + ": not a map");
        }
        return tree;
    }

    public InjectionSettings withNativeSidecars(NativeSidecars supported) {
        return new InjectionSettings(
                config,
                values,
                mesh,
                revision,
                systemNamespace,
                supported,
                istioLabels,
                proxyConfigs,
                cluster,
                network);
    }

    public InjectionSettings withIstioLabels(boolean honoured) {
        return new InjectionSettings(
                config,
                values,
                mesh,
                revision,
                systemNamespace,
                nativeSidecars,
                honoured,
                proxyConfigs,
                cluster,
                network);
    }

    public InjectionSettings withCluster(String id, String networkName) {
        return new InjectionSettings(
                config,
                values,
                mesh,
                revision,
                systemNamespace,
                nativeSidecars,
                istioLabels,
                proxyConfigs,
                id,
                networkName);
    }

    /// @param objects of any kind; those that are ProxyConfigs count, the oldest first as in Istio, and the Nodes'
    ///     kubelets
    public InjectionSettings withObjects(Collection<MeshObject> objects) {
        List<MeshObject> found = objects.stream()
                .filter(object -> object.spec() instanceof ProxyConfig)
                .sorted(Comparator.comparing(
                                (MeshObject object) -> object.metadata().creationTimestamp(),
                                Comparator.nullsFirst(Comparator.naturalOrder()))
                        .thenComparing(MeshObject::ref))
                .toList();
        return new InjectionSettings(
                config,
                values,
                mesh,
                revision,
                systemNamespace,
                nativeSidecars.onNodes(objects),
                istioLabels,
                found,
                cluster,
                network);
    }

    /// Whose ProxyConfigs are for all namespaces.
    String rootNamespace() {
        String root = Json.text(mesh, "rootNamespace");
        return root.isEmpty() ? systemNamespace : root;
    }

    /// What the chart says of Istio's labels: `true`, `false` or `auto` (unless an Istio injector is there).
    public String istioLabelsWanted() {
        return chart().text("sidecarInjectorWebhook.istioLabels", "auto");
    }

    Values chart() {
        return new Values(values);
    }
}
