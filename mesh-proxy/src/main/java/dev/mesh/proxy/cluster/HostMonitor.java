package dev.mesh.proxy.cluster;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/// What outlier detection knows of one host. Counted by any thread; judged under the detector's lock.
final class HostMonitor {
    /// Results of one interval.
    static final class Tally {
        private final LongAdder successes = new LongAdder();
        private final LongAdder failures = new LongAdder();

        void count(boolean success) {
            (success ? successes : failures).increment();
        }

        Results take() {
            return new Results(successes.sumThenReset(), failures.sumThenReset());
        }
    }

    record Results(long successes, long failures) {
        static final Results NONE = new Results(0, 0);

        long volume() {
            return successes + failures;
        }

        /// In percent; only for a volume above 0.
        double successRate() {
            return successes * 100.0 / volume();
        }
    }

    final AtomicInteger serverErrors = new AtomicInteger();
    final AtomicInteger gatewayErrors = new AtomicInteger();
    final AtomicInteger localOriginErrors = new AtomicInteger();
    final Tally external = new Tally();
    final Tally local = new Tally();

    /// Of the last interval, in percent; -1 = too few requests.
    volatile double successRate = -1;

    volatile double localOriginSuccessRate = -1;

    /// How many times the base ejection time the next ejection lasts, and how long its jitter is. Under the lock.
    int backoff;

    long jitterNanos;

    void forgive() {
        serverErrors.set(0);
        gatewayErrors.set(0);
        localOriginErrors.set(0);
    }
}
