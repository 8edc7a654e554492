package dev.mesh.proxy.stats;

import java.util.concurrent.atomic.LongAdder;

/// Only grows. Any thread.
public final class Counter {
    private final LongAdder sum = new LongAdder();

    public void inc() {
        sum.increment();
    }

    public void add(long n) {
        sum.add(n);
    }

    public long value() {
        return sum.sum();
    }

    void reset() {
        sum.reset();
    }
}
