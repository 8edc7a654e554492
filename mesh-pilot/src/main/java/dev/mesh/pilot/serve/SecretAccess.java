package dev.mesh.pilot.serve;

import dev.mesh.pilot.model.Caller;

/// Who may be given the Secrets of his namespace. Any thread; may ask over the network.
@FunctionalInterface
public interface SecretAccess {
    /// Nobody who has proven who he is.
    SecretAccess NONE = caller -> false;

    /// @return whether the caller may read Secrets of the namespace of his identity
    boolean mayRead(Caller caller);
}
