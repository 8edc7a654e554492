package dev.mesh.api.decide.explain;

/// What is known of the hosts of a running proxy; a dump knows nothing.
@FunctionalInterface
public interface HostHealth {
    /// Nobody knows.
    HostHealth UNKNOWN = (cluster, address) -> "";

    /// `healthy`, what is wrong with it, or empty if it is not known.
    ///
    /// @param address `ip:port`
    String of(String cluster, String address);
}
