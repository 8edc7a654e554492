package dev.mesh.proxy.stats;

import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;

/// Counts by Envoy's default bucket bounds (in the unit of the values, milliseconds for durations).
final class BucketHistogram implements Histogram {
    /// Upper bounds; half a unit is told from none only where values are whole.
    static final double[] BOUNDS = {
        0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
        3_600_000
    };

    private final AtomicLongArray counts = new AtomicLongArray(BOUNDS.length + 1);
    private final LongAdder sum = new LongAdder();

    @Override
    public void record(long value) {
        int bucket = 0;
        while (bucket < BOUNDS.length && value > BOUNDS[bucket]) {
            bucket++;
        }
        counts.incrementAndGet(bucket);
        sum.add(value);
    }

    /// Whether anything was recorded.
    public boolean used() {
        for (int i = 0; i < counts.length(); i++) {
            if (counts.get(i) != 0) {
                return true;
            }
        }
        return false;
    }

    long[] snapshot() {
        var copy = new long[counts.length()];
        for (int i = 0; i < copy.length; i++) {
            copy[i] = counts.get(i);
        }
        return copy;
    }

    long sum() {
        return sum.sum();
    }

    void reset() {
        for (int i = 0; i < counts.length(); i++) {
            counts.set(i, 0);
        }
        sum.reset();
    }
}
