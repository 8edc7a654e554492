package dev.mesh.api.extensions;

import dev.mesh.api.networking.Selector;
import dev.mesh.api.networking.TargetRef;
import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Required;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A filter in WebAssembly (`extensions.istio.io` WasmPlugin).
///
/// @param selector null: all workloads of the namespace
/// @param url `oci://`, `http://`, `https://` or `file://`
/// @param sha256 of the module; empty: not checked
/// @param imagePullSecret name of a Secret in the same namespace
/// @param pluginConfig given to the plugin as JSON
/// @param pluginName its `root_id`
/// @param phase where in the chain of filters it stands
/// @param priority among those of one phase the greater comes first; null: 0
/// @param match traffic that it is for, any of them; empty: all
public record WasmPlugin(
        @Nullable Selector selector,
        @Nullable TargetRef targetRef,
        List<TargetRef> targetRefs,
        @Required String url,
        String sha256,
        Wasm.PullPolicy imagePullPolicy,
        String imagePullSecret,
        String verificationKey,
        Map<String, Object> pluginConfig,
        String pluginName,
        Phase phase,
        @Nullable Integer priority,
        Wasm.FailStrategy failStrategy,
        Wasm.@Nullable VmConfig vmConfig,
        List<Wasm.Match> match,
        Wasm.PluginType type)
        implements Spec {

    public enum Phase {
        UNSPECIFIED_PHASE,
        AUTHN,
        AUTHZ,
        STATS
    }
}
