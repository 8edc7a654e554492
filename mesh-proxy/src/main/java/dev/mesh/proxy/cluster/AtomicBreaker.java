package dev.mesh.proxy.cluster;

import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stats.Scope;
import java.util.concurrent.atomic.AtomicInteger;

/// A circuit breaker by four counters.
///
/// @see CircuitBreaker
final class AtomicBreaker implements CircuitBreaker {
    /// Limits; Envoy's defaults are 1024, 1024, 1024 and 3. Unsigned values beyond an int count as its maximum.
    record Limits(int connections, int pending, int requests, int retries) {
        static final Limits DEFAULT = new Limits(1024, 1024, 1024, 3);
    }

    private final Limits limits;
    private final AtomicInteger connections = new AtomicInteger();
    private final AtomicInteger pending = new AtomicInteger();
    private final AtomicInteger requests = new AtomicInteger();
    private final AtomicInteger retries = new AtomicInteger();
    private final Gauge connectionsOpen;
    private final Gauge pendingOpen;
    private final Gauge requestsOpen;
    private final Gauge retriesOpen;

    AtomicBreaker(Limits limits, Scope scope) {
        this.limits = limits;
        connectionsOpen = scope.gauge("cx_open");
        pendingOpen = scope.gauge("rq_pending_open");
        requestsOpen = scope.gauge("rq_open");
        retriesOpen = scope.gauge("rq_retry_open");
    }

    private static boolean take(AtomicInteger counter, int limit, Gauge open) {
        if (counter.get() >= limit) {
            open.set(1);
            return false;
        }
        counter.incrementAndGet();
        return true;
    }

    private static void give(AtomicInteger counter, int limit, Gauge open) {
        if (counter.decrementAndGet() < limit && open.value() != 0) {
            open.set(0);
        }
    }

    @Override
    public boolean tryConnection() {
        return take(connections, limits.connections, connectionsOpen);
    }

    @Override
    public void connectionClosed() {
        give(connections, limits.connections, connectionsOpen);
    }

    @Override
    public boolean tryPending() {
        return take(pending, limits.pending, pendingOpen);
    }

    @Override
    public void pendingDone() {
        give(pending, limits.pending, pendingOpen);
    }

    @Override
    public boolean tryRequest() {
        return take(requests, limits.requests, requestsOpen);
    }

    @Override
    public void requestDone() {
        give(requests, limits.requests, requestsOpen);
    }

    @Override
    public boolean tryRetry() {
        return take(retries, limits.retries, retriesOpen);
    }

    @Override
    public void retryDone() {
        give(retries, limits.retries, retriesOpen);
    }
}
