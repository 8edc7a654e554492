package dev.mesh.proxy.stats;

/// A distribution of values, in the unit of its name (Envoy's durations: milliseconds). Any thread.
public interface Histogram {
    void record(long value);
}
