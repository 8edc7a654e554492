package dev.mesh.pilot.serve;

import dev.mesh.pilot.model.Caller;
import org.jspecify.annotations.Nullable;

/// Who may be given the Secrets of his namespace. Any thread; may ask over the network.
@FunctionalInterface
public interface SecretAccess {
    /// Nobody.
    SecretAccess NONE = caller -> false;

    /// Who comes by the loopback port of a local mesh, whose machine is trusted. In a cluster that port is open to
    /// whoever may forward ports of the pilot's pods.
    SecretAccess LOCAL = caller -> caller == null;

    /// @param caller null if he came by the loopback port, where nobody proves anything
    /// @return whether the caller may read Secrets of his identity's namespace, or of the one that he names if he
    ///     has proven none
    boolean mayRead(@Nullable Caller caller);
}
