package dev.mesh.proxy.cluster;

import java.net.SocketAddress;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// A host that belongs to a live cluster. What an update can change is volatile; the rest is its identity.
final class LiveHost implements Host {
    private final HostStats stats = HostStats.create();
    private final AtomicInteger active = new AtomicInteger();
    private final @Nullable OutlierDetector outliers;
    private final @Nullable HostMonitor monitor;
    private volatile HostSpec spec;
    private volatile boolean live = true;
    private volatile long healthySince;
    private boolean seenHealthy;

    /// Nano time of its ejection; 0 = not ejected. Written under the detector's lock.
    volatile long ejectedAt;

    LiveHost(HostSpec spec, @Nullable OutlierDetector outliers) {
        this.spec = spec;
        this.outliers = outliers;
        monitor = outliers == null ? null : new HostMonitor();
    }

    HostSpec spec() {
        return spec;
    }

    void update(HostSpec to) {
        spec = to;
    }

    /// The host is in a cluster. Configuration thread.
    void seen(long nanos) {
        if (!seenHealthy && spec.healthy()) {
            healthySince = nanos;
            seenHealthy = true;
        }
    }

    /// Nano time of when it was healthy for the first time, by EDS: an ejection changes nothing.
    long healthySince() {
        return healthySince;
    }

    void remove() {
        live = false;
        if (outliers != null) {
            outliers.forget(this);
        }
    }

    @Override
    public SocketAddress address() {
        return spec.address();
    }

    @Override
    public List<SocketAddress> otherAddresses() {
        return spec.others();
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
    public int priority() {
        return spec.priority();
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
        if (outliers != null && monitor != null) {
            outliers.onOutcome(this, monitor, outcome);
        }
    }

    /// Null without outlier detection.
    @Nullable
    HostMonitor monitor() {
        return monitor;
    }

    @Override
    public double successRate() {
        return monitor == null ? -1 : monitor.successRate;
    }

    @Override
    public double localOriginSuccessRate() {
        return monitor == null ? -1 : monitor.localOriginSuccessRate;
    }
}
