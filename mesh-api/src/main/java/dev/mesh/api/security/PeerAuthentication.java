package dev.mesh.api.security;

import dev.mesh.api.networking.Selector;
import dev.mesh.api.object.Spec;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Whether mutual TLS is asked of clients (`security.istio.io` PeerAuthentication).
///
/// @param portLevelMtls port number of the workload → mode
public record PeerAuthentication(
        @Nullable Selector selector, @Nullable MutualTls mtls, Map<String, MutualTls> portLevelMtls) implements Spec {

    public record MutualTls(Mode mode) {}

    public enum Mode {
        UNSET,
        DISABLE,
        PERMISSIVE,
        STRICT
    }
}
