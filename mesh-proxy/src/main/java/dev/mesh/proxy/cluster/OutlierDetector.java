package dev.mesh.proxy.cluster;

import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stats.Scope;
import java.time.Duration;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;

/// Takes hosts out of the choice that fail several times in a row, and lets them back after a time that grows
/// (Envoy, "Outlier detection"). Results come from any thread; [#sweep] is called every interval.
final class OutlierDetector {
    private final OutlierPolicy policy;
    private final Supplier<List<LiveHost>> hosts;
    private final LongSupplier nanoTime;
    private final RandomGenerator random;
    private final Counter ejections;
    private final Gauge active;
    private final Counter consecutive5xx;
    private final Counter overflow;

    OutlierDetector(
            OutlierPolicy policy,
            Supplier<List<LiveHost>> hosts,
            LongSupplier nanoTime,
            RandomGenerator random,
            Scope scope) {
        this.policy = policy;
        this.hosts = hosts;
        this.nanoTime = nanoTime;
        this.random = random;
        Scope mine = scope.child("outlier_detection");
        ejections = mine.counter("ejections_enforced_total");
        active = mine.gauge("ejections_active");
        consecutive5xx = mine.counter("ejections_enforced_consecutive_5xx");
        overflow = mine.counter("ejections_overflow");
    }

    void onOutcome(LiveHost host, Host.Outcome outcome) {
        switch (outcome) {
            case Host.Outcome.Status(int code) -> onStatus(host, code);
            case Host.Outcome.ConnectSuccess() -> host.failures.localOrigin.set(0);
            case Host.Outcome.ConnectFailure(), Host.Outcome.Timeout(), Host.Outcome.Reset() -> onLocalFailure(host);
        }
    }

    private void onStatus(LiveHost host, int code) {
        host.failures.localOrigin.set(0);
        if (code < 500) {
            host.failures.serverErrors.set(0);
            host.failures.gatewayErrors.set(0);
            return;
        }
        if (code >= 502 && code <= 504) {
            if (host.failures.gatewayErrors.incrementAndGet() >= policy.consecutiveGateway()) {
                host.failures.gatewayErrors.set(0);
                eject(host, policy.enforcingGateway());
            }
        } else {
            host.failures.gatewayErrors.set(0);
        }
        if (host.failures.serverErrors.incrementAndGet() >= policy.consecutive5xx()) {
            host.failures.serverErrors.set(0);
            if (eject(host, policy.enforcing5xx())) {
                consecutive5xx.inc();
            }
        }
    }

    private void onLocalFailure(LiveHost host) {
        if (policy.splitLocalOrigin()) {
            if (host.failures.localOrigin.incrementAndGet() >= policy.consecutiveLocalOrigin()) {
                host.failures.localOrigin.set(0);
                eject(host, policy.enforcingLocalOrigin());
            }
        } else {
            onStatus(host, 503);
        }
    }

    private synchronized boolean eject(LiveHost host, int enforcing) {
        if (host.ejectedAt != 0 || random.nextInt(100) >= enforcing) {
            return false;
        }
        List<LiveHost> all = hosts.get();
        long out = all.stream().filter(other -> other.ejectedAt != 0).count();
        boolean room = (out + 1) * 100 <= (long) policy.maxEjectionPercent() * all.size();
        if (!room && !(policy.always() && out == 0)) {
            overflow.inc();
            return false;
        }
        host.ejections = Math.min(host.ejections + 1, 1000);
        host.ejectedAt = Math.max(1, nanoTime.getAsLong());
        ejections.inc();
        active.inc();
        return true;
    }

    /// Lets back hosts whose time is over; a host that stayed in for an interval is forgiven one ejection.
    synchronized void sweep() {
        long now = nanoTime.getAsLong();
        for (LiveHost host : hosts.get()) {
            if (host.ejectedAt != 0) {
                Duration longest = policy.maxEjection().compareTo(policy.baseEjection()) > 0
                        ? policy.maxEjection()
                        : policy.baseEjection();
                long time = Math.min(policy.baseEjection().toNanos() * host.ejections, longest.toNanos());
                if (now - host.ejectedAt >= time) {
                    host.ejectedAt = 0;
                    host.failures.reset();
                    active.dec();
                }
            } else if (host.ejections > 0) {
                host.ejections--;
            }
        }
    }
}
