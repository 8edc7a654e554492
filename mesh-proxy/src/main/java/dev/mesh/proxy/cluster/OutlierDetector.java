package dev.mesh.proxy.cluster;

import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stats.Scope;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;

/// Takes hosts out of the choice that fail several times in a row, or more often than the others in an interval, and
/// lets them back after a time that grows (Envoy, "Outlier detection"). Results come from any thread; [#sweep] is
/// called every interval.
final class OutlierDetector {
    /// What a host was found by; in Envoy's words for the statistics.
    private enum Finding {
        CONSECUTIVE_5XX,
        CONSECUTIVE_GATEWAY_FAILURE,
        CONSECUTIVE_LOCAL_ORIGIN_FAILURE,
        SUCCESS_RATE,
        LOCAL_ORIGIN_SUCCESS_RATE,
        FAILURE_PERCENTAGE,
        LOCAL_ORIGIN_FAILURE_PERCENTAGE
    }

    private record Count(Counter detected, Counter enforced) {}

    private record Judged(LiveHost host, HostMonitor.Results results) {}

    private final OutlierPolicy policy;
    private final Supplier<List<LiveHost>> hosts;
    private final LongSupplier nanoTime;
    private final RandomGenerator random;
    private final Map<Finding, Count> counts = new EnumMap<>(Finding.class);
    private final Counter ejections;
    private final Gauge active;
    private final Counter overflow;
    private volatile SuccessRates external = SuccessRates.NONE;
    private volatile SuccessRates local = SuccessRates.NONE;

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
        for (Finding finding : Finding.values()) {
            String name = finding.name().toLowerCase(Locale.ROOT);
            counts.put(
                    finding,
                    new Count(mine.counter("ejections_detected_" + name), mine.counter("ejections_enforced_" + name)));
        }
        ejections = mine.counter("ejections_enforced_total");
        active = mine.gauge("ejections_active");
        overflow = mine.counter("ejections_overflow");
    }

    SuccessRates successRates() {
        return external;
    }

    SuccessRates localOriginSuccessRates() {
        return local;
    }

    // ---- results ----

    void onOutcome(LiveHost host, HostMonitor monitor, Host.Outcome outcome) {
        switch (outcome) {
            case Host.Outcome.Status(int code) -> onStatus(host, monitor, code);
            case Host.Outcome.ConnectSuccess() -> {
                if (policy.splitLocalOrigin()) {
                    onLocal(host, monitor, true);
                }
            }
            case Host.Outcome.ConnectSuccessFinal() -> {
                if (policy.splitLocalOrigin()) {
                    onLocal(host, monitor, true);
                } else {
                    onStatus(host, monitor, 200);
                }
            }
            case Host.Outcome.ConnectFailure(), Host.Outcome.Reset() -> onLocalFailure(host, monitor, 503);
            case Host.Outcome.Timeout() -> onLocalFailure(host, monitor, 504);
        }
    }

    private void onLocalFailure(LiveHost host, HostMonitor monitor, int code) {
        if (policy.splitLocalOrigin()) {
            onLocal(host, monitor, false);
        } else {
            onStatus(host, monitor, code);
        }
    }

    private void onStatus(LiveHost host, HostMonitor monitor, int code) {
        boolean failed = code >= 500 && code < 600;
        monitor.external.count(!failed);
        if (!failed) {
            reset(monitor.serverErrors);
            reset(monitor.gatewayErrors);
            return;
        }
        if (code >= 502 && code <= 504) {
            inARow(host, monitor.gatewayErrors, policy.gatewayErrors(), Finding.CONSECUTIVE_GATEWAY_FAILURE);
        } else {
            reset(monitor.gatewayErrors);
        }
        inARow(host, monitor.serverErrors, policy.serverErrors(), Finding.CONSECUTIVE_5XX);
    }

    private void onLocal(LiveHost host, HostMonitor monitor, boolean success) {
        monitor.local.count(success);
        if (success) {
            reset(monitor.localOriginErrors);
        } else {
            inARow(host, monitor.localOriginErrors, policy.localOrigin(), Finding.CONSECUTIVE_LOCAL_ORIGIN_FAILURE);
        }
    }

    // Nearly every request comes here with nothing to reset: no write that other processors would have to see.
    private static void reset(AtomicInteger failures) {
        if (failures.get() != 0) {
            failures.set(0);
        }
    }

    private void inARow(LiveHost host, AtomicInteger failures, OutlierPolicy.InARow limit, Finding finding) {
        if (failures.incrementAndGet() == limit.times()) {
            synchronized (this) {
                if (host.ejectedAt == 0) {
                    found(host, finding);
                    failures.set(0);
                }
            }
        }
    }

    // ---- ejections; under the lock ----

    private void found(LiveHost host, Finding finding) {
        Count count = counts.get(finding);
        HostMonitor monitor = host.monitor();
        if (count == null || monitor == null) {
            throw new IllegalStateException("a result of a host that nobody watches");
        }
        count.detected.inc();
        List<LiveHost> all = hosts.get();
        long out = all.stream().filter(other -> other.ejectedAt != 0).count();
        boolean room = (out + 1) * 100 <= (long) policy.maxEjectionPercent() * all.size();
        if (!room && !(policy.always() && out == 0)) {
            overflow.inc();
            return;
        }
        if (random.nextInt(100) >= enforcing(finding)) {
            return;
        }
        count.enforced.inc();
        ejections.inc();
        active.inc();
        long base = policy.baseEjection().toNanos();
        if (monitor.backoff * base < policy.maxEjection().toNanos() + base) {
            monitor.backoff++;
        }
        monitor.jitterNanos = random.nextLong(policy.ejectionJitter().toNanos() + 1);
        host.ejectedAt = Math.max(1, nanoTime.getAsLong());
    }

    private int enforcing(Finding finding) {
        return switch (finding) {
            case CONSECUTIVE_5XX -> policy.serverErrors().enforcing();
            case CONSECUTIVE_GATEWAY_FAILURE -> policy.gatewayErrors().enforcing();
            case CONSECUTIVE_LOCAL_ORIGIN_FAILURE -> policy.localOrigin().enforcing();
            case SUCCESS_RATE -> policy.successRate().enforcing();
            case LOCAL_ORIGIN_SUCCESS_RATE -> policy.successRate().enforcingLocalOrigin();
            case FAILURE_PERCENTAGE -> policy.failurePercentage().enforcing();
            case LOCAL_ORIGIN_FAILURE_PERCENTAGE -> policy.failurePercentage().enforcingLocalOrigin();
        };
    }

    /// The host has left the cluster.
    synchronized void forget(LiveHost host) {
        if (host.ejectedAt != 0) {
            host.ejectedAt = 0;
            active.dec();
        }
    }

    // ---- every interval ----

    /// Lets back hosts whose time is over, judges the interval that ends, and forgives a host one ejection that stayed
    /// in through all of it.
    synchronized void sweep() {
        long now = nanoTime.getAsLong();
        var stayed = new ArrayList<LiveHost>();
        var externals = new ArrayList<Judged>();
        var locals = new ArrayList<Judged>();
        List<LiveHost> all = hosts.get();
        for (LiveHost host : all) {
            HostMonitor monitor = host.monitor();
            if (monitor == null) {
                continue;
            }
            if (host.ejectedAt == 0) {
                stayed.add(host);
            } else {
                unejectIfDue(host, monitor, now);
            }
            HostMonitor.Results results = monitor.external.take();
            HostMonitor.Results localResults = monitor.local.take();
            if (host.ejectedAt == 0) {
                monitor.successRate = shown(results, all.size());
                monitor.localOriginSuccessRate = shown(localResults, all.size());
                externals.add(new Judged(host, results));
                locals.add(new Judged(host, localResults));
            } else {
                monitor.successRate = -1;
                monitor.localOriginSuccessRate = -1;
            }
        }
        external = judge(externals, Finding.SUCCESS_RATE, Finding.FAILURE_PERCENTAGE);
        local = judge(locals, Finding.LOCAL_ORIGIN_SUCCESS_RATE, Finding.LOCAL_ORIGIN_FAILURE_PERCENTAGE);
        for (LiveHost host : stayed) {
            HostMonitor monitor = host.monitor();
            if (monitor != null && monitor.backoff > 0 && host.ejectedAt == 0) {
                monitor.backoff--;
            }
        }
    }

    // A rate that either way of judging could take for itself.
    private double shown(HostMonitor.Results results, int hosts) {
        var rate = policy.successRate();
        var percentage = policy.failurePercentage();
        return results.volume() > 0
                        && results.volume() >= Math.min(rate.requestVolume(), percentage.requestVolume())
                        && hosts >= Math.min(rate.minimumHosts(), percentage.minimumHosts())
                ? results.successRate()
                : -1;
    }

    private void unejectIfDue(LiveHost host, HostMonitor monitor, long now) {
        long time = Math.min(
                policy.baseEjection().toNanos() * monitor.backoff,
                policy.maxEjection().toNanos());
        if (now - host.ejectedAt >= time + monitor.jitterNanos) {
            host.ejectedAt = 0;
            monitor.forgive();
            active.dec();
        }
    }

    private SuccessRates judge(List<Judged> judged, Finding low, Finding high) {
        SuccessRates rates = SuccessRates.NONE;
        var compared = ofVolume(judged, policy.successRate().requestVolume());
        if (!compared.isEmpty() && compared.size() >= policy.successRate().minimumHosts()) {
            rates = SuccessRates.of(
                    compared.stream()
                            .mapToDouble(one -> one.results.successRate())
                            .toArray(),
                    policy.successRate().stdevFactor() / 1000.0);
            for (Judged one : compared) {
                if (one.results.successRate() < rates.ejectionThreshold()) {
                    found(one.host, low);
                }
            }
        }
        var absolute = ofVolume(judged, policy.failurePercentage().requestVolume());
        if (absolute.size() >= policy.failurePercentage().minimumHosts()) {
            for (Judged one : absolute) {
                if (100 - one.results.successRate()
                                >= policy.failurePercentage().threshold()
                        && one.host.ejectedAt == 0) {
                    found(one.host, high);
                }
            }
        }
        return rates;
    }

    private static List<Judged> ofVolume(List<Judged> judged, int volume) {
        return judged.stream()
                .filter(one -> one.results.volume() >= Math.max(1, volume))
                .toList();
    }
}
