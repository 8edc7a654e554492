package dev.mesh.proxy.cluster;

import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;

/// The counters of one host, as `/clusters` shows them.
public record HostStats(
        Counter cxTotal,
        Gauge cxActive,
        Counter cxConnectFail,
        Counter rqTotal,
        Gauge rqActive,
        Gauge rqPendingActive,
        Counter rqSuccess,
        Counter rqError,
        Counter rqTimeout) {
    public static HostStats create() {
        return new HostStats(
                new Counter(),
                new Gauge(),
                new Counter(),
                new Counter(),
                new Gauge(),
                new Gauge(),
                new Counter(),
                new Counter(),
                new Counter());
    }
}
