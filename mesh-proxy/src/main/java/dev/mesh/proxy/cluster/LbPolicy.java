package dev.mesh.proxy.cluster;

/// Load balancing policies that are supported.
public sealed interface LbPolicy {
    record RoundRobin() implements LbPolicy {}

    /// @param choices how many hosts are compared, default 2
    record LeastRequest(int choices) implements LbPolicy {}

    record Random() implements LbPolicy {}

    /// @param minimum ring size, default 1024
    /// @param maximum ring size, default 8388608
    record RingHash(long minimum, long maximum) implements LbPolicy {}

    /// @param tableSize a prime, default 65537
    record Maglev(int tableSize) implements LbPolicy {}
}
