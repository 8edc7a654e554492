package dev.mesh.proxy.identity;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;

/// Waits for an instant by the wall clock.
@FunctionalInterface
public interface Waiting {
    /// @throws InterruptedException if there is nothing to wait for any more
    void until(Instant when) throws InterruptedException;

    /// Looks at the clock at least once a minute: a machine that slept, or whose clock was set, is not late by that.
    static Waiting by(Clock clock) {
        return when -> {
            for (Duration left = Duration.between(clock.instant(), when);
                    left.isPositive();
                    left = Duration.between(clock.instant(), when)) {
                Thread.sleep(Math.clamp(left.toMillis() + 1, 1, 60_000));
            }
        };
    }
}
