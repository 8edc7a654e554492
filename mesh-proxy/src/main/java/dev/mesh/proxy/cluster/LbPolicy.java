package dev.mesh.proxy.cluster;

import org.jspecify.annotations.Nullable;

/// Load balancing policies that are supported.
public sealed interface LbPolicy {
    /// @param slowStart null = a new host gets its whole share at once
    record RoundRobin(@Nullable SlowStart slowStart) implements LbPolicy {
        RoundRobin() {
            this(null);
        }
    }

    /// @param choices how many hosts are compared where all weigh the same, default 2
    /// @param bias how much open requests count where they do not: weight / (open + 1) ^ bias; default 1
    /// @param slowStart null = a new host gets its whole share at once
    record LeastRequest(int choices, double bias, @Nullable SlowStart slowStart) implements LbPolicy {}

    record Random() implements LbPolicy {}

    /// @param minimum ring size, default 1024
    /// @param maximum ring size, default 8388608
    record RingHash(long minimum, long maximum) implements LbPolicy {}

    /// @param tableSize a prime, default 65537
    record Maglev(int tableSize) implements LbPolicy {}
}
