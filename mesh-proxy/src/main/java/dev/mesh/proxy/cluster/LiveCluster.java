package dev.mesh.proxy.cluster;

import dev.mesh.api.decide.RouteAction.Priority;
import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stats.Scope;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// A cluster and its hosts. Hosts are updated on the configuration thread; everything else comes from any.
///
/// Choice: the first priority that is healthy enough takes all it can carry, the rest spills over
/// (overprovisioning factor 140 %); below the panic threshold of 50 % all hosts of a priority are used.
public final class LiveCluster implements Cluster {
    private static final int OVERPROVISIONING = 140;

    private final ClusterSpec spec;
    private final LbPolicy policy;
    private final int panicPercent;
    private final Scope scope;
    private final ClusterStats stats;
    private final CircuitBreaker usual;
    private final CircuitBreaker high;
    private final @Nullable OutlierDetector outliers;
    private final Gauge membershipTotal;
    private final Gauge membershipHealthy;
    private final Counter membershipChange;
    private volatile Members members = new Members(List.of(), List.of());
    private volatile boolean live = true;

    private record Members(List<LiveHost> all, List<Level> levels) {}

    /// The hosts of one priority, and what was made of those that are healthy now.
    private record Level(List<LiveHost> hosts, AtomicReference<Choice> choice) {}

    private record Choice(List<LiveHost> eligible, LoadBalancer balancer) {}

    LiveCluster(
            ClusterSpec spec,
            LbPolicy policy,
            int panicPercent,
            AtomicBreaker.Limits usualLimits,
            AtomicBreaker.Limits highLimits,
            @Nullable OutlierPolicy outlierPolicy,
            Scope root) {
        this.spec = spec;
        this.policy = policy;
        this.panicPercent = panicPercent;
        scope = root.tagged("cluster", "envoy_cluster_name", spec.altStatName());
        stats = new ClusterStats(scope);
        usual = new AtomicBreaker(usualLimits, scope.child("circuit_breakers").child("default"));
        high = new AtomicBreaker(highLimits, scope.child("circuit_breakers").child("high"));
        outliers = outlierPolicy == null
                ? null
                : new OutlierDetector(
                        outlierPolicy, () -> members.all, System::nanoTime, RandomGenerator.getDefault(), scope);
        membershipTotal = scope.gauge("membership_total");
        membershipHealthy = scope.gauge("membership_healthy");
        membershipChange = scope.counter("membership_change");
    }

    /// Replaces the hosts. One with a known address stays the same object, with its connections and counters.
    public void update(List<HostSpec> specs) {
        Map<InetSocketAddress, LiveHost> known = new LinkedHashMap<>();
        members.all.forEach(host -> known.put(host.address(), host));
        var all = new ArrayList<LiveHost>(specs.size());
        var byPriority = new TreeMap<Integer, List<LiveHost>>();
        for (HostSpec wanted : specs) {
            LiveHost host = known.remove(wanted.address());
            if (host == null) {
                host = new LiveHost(wanted, outliers);
            } else {
                host.update(wanted);
            }
            all.add(host);
            byPriority
                    .computeIfAbsent(wanted.priority(), any -> new ArrayList<>())
                    .add(host);
        }
        known.values().forEach(LiveHost::remove);
        var levels = byPriority.values().stream()
                .map(hosts -> new Level(List.copyOf(hosts), new AtomicReference<>()))
                .toList();
        members = new Members(List.copyOf(all), levels);
        membershipTotal.set(all.size());
        membershipHealthy.set(all.stream().filter(LiveHost::healthy).count());
        membershipChange.inc();
    }

    /// Lets ejected hosts back whose time is over; every interval of outlier detection.
    public void sweepOutliers() {
        if (outliers != null) {
            outliers.sweep();
        }
        membershipHealthy.set(members.all.stream().filter(LiveHost::healthy).count());
    }

    /// The cluster was replaced or removed.
    public void remove() {
        live = false;
        members.all.forEach(LiveHost::remove);
    }

    /// The load balancing policy, for people.
    public LbPolicy policy() {
        return policy;
    }

    @Override
    public @Nullable Host choose(LoadBalancerContext context) {
        List<Level> levels = members.levels;
        if (levels.isEmpty()) {
            return null;
        }
        Level level = levels.size() == 1 ? levels.getFirst() : pickLevel(levels, context);
        Choice choice = current(level);
        if (choice.eligible.isEmpty()) {
            return null;
        }
        Host host = choice.balancer.choose(choice.eligible, context);
        for (int i = 0; i < context.maxReselects() && context.shouldReselect(host); i++) {
            host = choice.balancer.choose(choice.eligible, context);
        }
        return host;
    }

    // The share of traffic that each priority takes, by its health.
    private static Level pickLevel(List<Level> levels, LoadBalancerContext context) {
        int draw = context.hasHash()
                ? (int) Long.remainderUnsigned(context.hash(), 100)
                : context.random().nextInt(100);
        int taken = 0;
        Level fallback = levels.getFirst();
        for (Level level : levels) {
            long healthy = level.hosts.stream().filter(LiveHost::healthy).count();
            int health =
                    level.hosts.isEmpty() ? 0 : (int) Math.min(100, OVERPROVISIONING * healthy / level.hosts.size());
            int share = Math.min(100 - taken, health);
            taken += share;
            if (draw < taken) {
                return level;
            }
        }
        return fallback;
    }

    // Health changes rarely between two requests: what was made for the same set of hosts is used again.
    private Choice current(Level level) {
        List<LiveHost> hosts = level.hosts;
        Choice made = level.choice.get();
        int healthy = 0;
        boolean same = made != null;
        for (int i = 0; i < hosts.size(); i++) {
            LiveHost host = hosts.get(i);
            if (host.healthy()) {
                if (same && made != null && (healthy >= made.eligible.size() || made.eligible.get(healthy) != host)) {
                    same = false;
                }
                healthy++;
            }
        }
        boolean panic = healthy * 100 < panicPercent * hosts.size();
        if (panic) {
            if (made != null && made.eligible.size() == hosts.size()) {
                return made;
            }
        } else if (same && made != null && made.eligible.size() == healthy) {
            return made;
        }
        List<LiveHost> eligible =
                panic ? hosts : hosts.stream().filter(LiveHost::healthy).toList();
        var fresh = new Choice(eligible, LoadBalancer.of(policy, eligible));
        level.choice.set(fresh);
        return fresh;
    }

    @Override
    public String name() {
        return spec.name();
    }

    @Override
    public ClusterSpec spec() {
        return spec;
    }

    @Override
    public List<Host> hosts() {
        return List.copyOf(members.all);
    }

    @Override
    public CircuitBreaker circuitBreaker(Priority priority) {
        return priority == Priority.HIGH ? high : usual;
    }

    @Override
    public Scope scope() {
        return scope;
    }

    @Override
    public ClusterStats stats() {
        return stats;
    }

    @Override
    public boolean live() {
        return live;
    }
}
