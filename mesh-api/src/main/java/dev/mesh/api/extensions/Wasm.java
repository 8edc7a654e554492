package dev.mesh.api.extensions;

import dev.mesh.api.shape.Required;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What plugins of both kinds are described with.
public final class Wasm {
    private Wasm() {}

    public enum PullPolicy {
        UNSPECIFIED_POLICY,
        IfNotPresent,
        Always
    }

    /// What happens to traffic when the plugin cannot be had or fails.
    public enum FailStrategy {
        FAIL_CLOSE,
        FAIL_OPEN,
        FAIL_RELOAD
    }

    public enum PluginType {
        UNSPECIFIED_PLUGIN_TYPE,
        HTTP,
        NETWORK
    }

    /// Settings of the virtual machine that a plugin runs in.
    public record VmConfig(List<Variable> env) {}

    /// @param value used if `valueFrom` is `INLINE`
    public record Variable(@Required String name, ValueFrom valueFrom, String value) {}

    public enum ValueFrom {
        INLINE,
        HOST
    }

    /// Traffic that a plugin is for: both must match.
    ///
    /// @param ports destination ports, any of them; empty: all
    public record Match(Mode mode, List<PortNumber> ports) {}

    public record PortNumber(@Required int number) {}

    public enum Mode {
        UNDEFINED,
        CLIENT,
        SERVER,
        CLIENT_AND_SERVER
    }

    /// A plugin in WebAssembly.
    ///
    /// @param url `oci://`, `http://`, `https://` or `file://`
    /// @param sha256 of the module; empty: not checked
    /// @param imagePullSecret name of a Secret in the same namespace
    /// @param pluginConfig given to the plugin as JSON
    /// @param pluginName its `root_id`
    public record Plugin(
            @Required String url,
            String sha256,
            PullPolicy imagePullPolicy,
            String imagePullSecret,
            String verificationKey,
            Map<String, Object> pluginConfig,
            String pluginName,
            FailStrategy failStrategy,
            @Nullable VmConfig vmConfig,
            PluginType type) {}
}
