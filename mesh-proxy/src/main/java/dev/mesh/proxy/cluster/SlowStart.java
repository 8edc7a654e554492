package dev.mesh.proxy.cluster;

import java.time.Duration;

/// A new host gets less at first (Envoy, "Slow start mode"): its weight grows from `minimum` to the whole in `window`.
///
/// @param window above 0
/// @param aggression above 0: 1 = the weight grows in a straight line, more = faster at first
/// @param minimum of the weight, 0 to 1
public record SlowStart(Duration window, double aggression, double minimum) {
    /// Which part of its weight a host has, above 0 up to 1.
    ///
    /// @param age nanoseconds since the host was first seen healthy
    double factor(long age) {
        long millis = age / 1_000_000;
        if (millis >= window.toMillis()) {
            return 1;
        }
        double part = (double) Math.max(1, millis) / window.toMillis();
        return Math.max(aggression == 1 ? part : Math.pow(part, 1 / aggression), minimum);
    }

    /// @param age nanoseconds since the host was first seen healthy
    boolean covers(long age) {
        return age / 1_000_000 <= window.toMillis();
    }
}
