package dev.mesh.proxy.tls;

import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Certificates and authorities by name: what a TLS context refers to as a secret of SDS. Any thread.
public interface Secrets {
    /// Whether there is such a secret, or will be.
    boolean offers(String name);

    /// The secret as it is now: the same object until it changes; null if it is not there yet, or no more.
    @Nullable
    Secret find(String name);

    /// Whether what it does not offer can be asked for at the control plane, under any name.
    default boolean fetches() {
        return false;
    }

    /// Names that can be asked for, for messages.
    List<String> names();

    /// The secrets that are here now, for dumps. Private keys are in it.
    default List<Secret> all() {
        return List.of();
    }
}
