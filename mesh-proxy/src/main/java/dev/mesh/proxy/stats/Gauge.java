package dev.mesh.proxy.stats;

import java.util.concurrent.atomic.AtomicLong;

/// Goes up and down. Any thread.
public final class Gauge {
    private final AtomicLong value = new AtomicLong();

    public void inc() {
        value.incrementAndGet();
    }

    public void dec() {
        value.decrementAndGet();
    }

    public void set(long to) {
        value.set(to);
    }

    public long value() {
        return value.get();
    }
}
