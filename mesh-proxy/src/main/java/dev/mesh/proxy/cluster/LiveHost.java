package dev.mesh.proxy.cluster;

import java.net.SocketAddress;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// A host that belongs to a live cluster. What an update can change is volatile; the rest is its identity.
final class LiveHost implements Host {
    /// Failures in a row.
    static final class Failures {
        final AtomicInteger serverErrors = new AtomicInteger();
        final AtomicInteger gatewayErrors = new AtomicInteger();
        final AtomicInteger localOrigin = new AtomicInteger();

        void reset() {
            serverErrors.set(0);
            gatewayErrors.set(0);
            localOrigin.set(0);
        }
    }

    private final HostStats stats = HostStats.create();
    private final AtomicInteger active = new AtomicInteger();
    final Failures failures = new Failures();
    private final @Nullable OutlierDetector outliers;
    private volatile HostSpec spec;
    private volatile boolean live = true;

    /// Nano time of its ejection; 0 = not ejected. Written under the detector's lock.
    volatile long ejectedAt;

    /// How many ejections in a row. Under the detector's lock.
    int ejections;

    LiveHost(HostSpec spec, @Nullable OutlierDetector outliers) {
        this.spec = spec;
        this.outliers = outliers;
    }

    HostSpec spec() {
        return spec;
    }

    void update(HostSpec to) {
        spec = to;
    }

    void remove() {
        live = false;
    }

    @Override
    public SocketAddress address() {
        return spec.address();
    }

    @Override
    public String hostname() {
        return spec.hostname();
    }

    @Override
    public String locality() {
        return spec.locality();
    }

    @Override
    public int weight() {
        return spec.weight();
    }

    @Override
    public Map<String, Object> metadata() {
        return spec.metadata();
    }

    @Override
    public AtomicInteger activeRequests() {
        return active;
    }

    @Override
    public boolean healthy() {
        return spec.healthy() && ejectedAt == 0;
    }

    @Override
    public boolean live() {
        return live;
    }

    @Override
    public HostStats stats() {
        return stats;
    }

    @Override
    public void report(Outcome outcome) {
        if (outliers != null) {
            outliers.onOutcome(this, outcome);
        }
    }
}
