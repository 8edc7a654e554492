package dev.mesh.api.extensions;

import dev.mesh.api.networking.Selector;
import dev.mesh.api.networking.TargetRef;
import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Inline;
import dev.mesh.api.shape.Required;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A filter in WebAssembly or Lua (`extensions.istio.io` TrafficExtension).
///
/// @param selector null: all workloads of the namespace
/// @param phase where in the chain of filters it stands
/// @param priority among those of one phase the greater comes first; null: 0
/// @param match traffic that it is for, any of them; empty: all
public record TrafficExtension(
        @Nullable Selector selector,
        List<TargetRef> targetRefs,
        Phase phase,
        @Nullable Integer priority,
        List<Wasm.Match> match,
        @Inline @Nullable Filter filter)
        implements Spec {

    public enum Phase {
        UNSPECIFIED,
        AUTHN,
        AUTHZ,
        STATS
    }

    public sealed interface Filter {
        record InWasm(Wasm.Plugin wasm) implements Filter {}

        record InLua(Lua lua) implements Filter {}
    }

    /// A script in Lua.
    public record Lua(@Required String inlineCode) {}
}
