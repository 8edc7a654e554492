package dev.mesh.proxy.cluster;

import dev.mesh.api.decide.RouteAction.Priority;
import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stats.Scope;
import java.net.SocketAddress;
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
/// Choice: a priority by what each can carry ([Priorities]), a locality by weight where the cluster says so, and a
/// host by policy. Where all priorities together cannot carry the traffic, one with fewer healthy hosts than the
/// panic threshold (50 %) uses all of its hosts.
public final class LiveCluster implements Cluster {
    private final ClusterSpec spec;
    private final LbPolicy policy;
    private final boolean localityWeighted;
    private final int panicPercent;
    private final Scope scope;
    private final ClusterStats stats;
    private final CircuitBreaker usual;
    private final CircuitBreaker high;
    private final @Nullable OutlierDetector outliers;
    private final @Nullable OriginalHosts originals;
    private final Gauge membershipTotal;
    private final Gauge membershipHealthy;
    private final Counter membershipChange;
    private volatile Members members = new Members(List.of(), List.of(), AssignmentPolicy.USUAL);
    private volatile boolean live = true;

    private record Members(List<LiveHost> all, List<Level> levels, AssignmentPolicy policy) {}

    /// The hosts of one priority, and what was made of those that are healthy now.
    private record Level(List<LiveHost> hosts, AtomicReference<Choice> choice) {}

    private record Choice(List<LiveHost> eligible, boolean panic, LoadBalancer balancer) {}

    LiveCluster(
            ClusterSpec spec,
            LbPolicy policy,
            boolean localityWeighted,
            int panicPercent,
            AtomicBreaker.Limits usualLimits,
            AtomicBreaker.Limits highLimits,
            @Nullable OutlierPolicy outlierPolicy,
            @Nullable OriginalDestination original,
            Scope root) {
        this.spec = spec;
        this.policy = policy;
        this.localityWeighted = localityWeighted;
        this.panicPercent = panicPercent;
        scope = root.tagged("cluster", "envoy_cluster_name", spec.altStatName());
        stats = new ClusterStats(scope);
        usual = new AtomicBreaker(usualLimits, scope.child("circuit_breakers").child("default"));
        high = new AtomicBreaker(highLimits, scope.child("circuit_breakers").child("high"));
        outliers = outlierPolicy == null
                ? null
                : new OutlierDetector(outlierPolicy, this::all, System::nanoTime, RandomGenerator.getDefault(), scope);
        originals = original == null ? null : new OriginalHosts(original, outliers, scope);
        membershipTotal = scope.gauge("membership_total");
        membershipHealthy = scope.gauge("membership_healthy");
        membershipChange = scope.counter("membership_change");
    }

    /// Replaces the hosts. One with a known address stays the same object, with its connections and counters.
    public void update(List<HostSpec> specs, AssignmentPolicy assigned) {
        Map<SocketAddress, LiveHost> known = new LinkedHashMap<>();
        members.all.forEach(host -> known.put(host.address(), host));
        var all = new ArrayList<LiveHost>(specs.size());
        long now = System.nanoTime();
        var byPriority = new TreeMap<Integer, List<LiveHost>>();
        for (HostSpec wanted : specs) {
            LiveHost host = known.remove(wanted.address());
            if (host == null) {
                host = new LiveHost(wanted, outliers);
            } else {
                host.update(wanted);
            }
            host.seen(now);
            all.add(host);
            byPriority
                    .computeIfAbsent(wanted.priority(), any -> new ArrayList<>())
                    .add(host);
        }
        known.values().forEach(LiveHost::remove);
        var levels = byPriority.values().stream()
                .map(hosts -> new Level(List.copyOf(hosts), new AtomicReference<>()))
                .toList();
        members = new Members(List.copyOf(all), levels, assigned);
        membershipTotal.set(all.size());
        membershipHealthy.set(all.stream().filter(LiveHost::healthy).count());
        membershipChange.inc();
    }

    /// Lets ejected hosts back whose time is over; every interval of outlier detection.
    public void sweepOutliers() {
        if (outliers != null) {
            outliers.sweep();
        }
        membershipHealthy.set(all().stream().filter(LiveHost::healthy).count());
    }

    /// Forgets hosts that nothing was sent to since the last time, where they are found by where clients were going.
    ///
    /// @return whether there were any
    public boolean sweepOriginals() {
        OriginalHosts found = originals;
        boolean gone = found != null && found.sweep();
        if (found != null) {
            membershipTotal.set(found.all().size());
            membershipHealthy.set(found.all().stream().filter(LiveHost::healthy).count());
        }
        return gone;
    }

    private List<LiveHost> all() {
        return originals == null ? members.all : originals.all();
    }

    /// The cluster was replaced or removed.
    public void remove() {
        live = false;
        all().forEach(LiveHost::remove);
    }

    /// The load balancing policy, for people.
    public LbPolicy policy() {
        return policy;
    }

    @Override
    public @Nullable Host choose(LoadBalancerContext context) {
        if (originals != null) {
            return originals.choose(context);
        }
        List<Level> levels = members.levels;
        if (levels.isEmpty()) {
            return null;
        }
        Choice choice = levels.size() == 1 ? current(levels.getFirst(), 0) : atPriority(levels, context);
        if (choice.eligible.isEmpty()) {
            return null;
        }
        Host host = choice.balancer.choose(choice.eligible, context);
        for (int i = 0; i < context.maxReselects() && context.shouldReselect(host); i++) {
            host = choice.balancer.choose(choice.eligible, context);
        }
        return host;
    }

    private Choice atPriority(List<Level> levels, LoadBalancerContext context) {
        var healthy = new int[levels.size()];
        var hosts = new int[levels.size()];
        for (int i = 0; i < hosts.length; i++) {
            hosts[i] = levels.get(i).hosts.size();
            for (LiveHost host : levels.get(i).hosts) {
                healthy[i] += host.healthy() ? 1 : 0;
            }
        }
        Priorities priorities = Priorities.of(healthy, hosts, members.policy.overprovisioning());
        int picked = priorities.pick(
                context.hasHash()
                        ? (int) Long.remainderUnsigned(context.hash(), 100)
                        : context.random().nextInt(100));
        int elsewhere = 0;
        for (int i = 0; i < hosts.length; i++) {
            elsewhere += i == picked ? 0 : priorities.health()[i];
        }
        return current(levels.get(picked), elsewhere);
    }

    // Health changes rarely between two requests: what was made for the same set of hosts is used again.
    //
    // elsewhere: what the other priorities can carry, in percent.
    private Choice current(Level level, int elsewhere) {
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
        boolean panic = elsewhere + Priorities.health(healthy, hosts.size(), members.policy.overprovisioning()) < 100
                && healthy * 100 < panicPercent * hosts.size();
        if (panic) {
            if (made != null && made.panic) {
                return made;
            }
        } else if (same && made != null && !made.panic && made.eligible.size() == healthy) {
            return made;
        }
        List<LiveHost> eligible =
                panic ? hosts : hosts.stream().filter(LiveHost::healthy).toList();
        boolean ring = policy instanceof LbPolicy.RingHash || policy instanceof LbPolicy.Maglev;
        LoadBalancer balancer = localityWeighted && !panic && !ring
                ? LoadBalancer.byLocality(policy, hosts, members.policy.overprovisioning(), System::nanoTime)
                : null;
        var fresh = new Choice(
                eligible,
                panic,
                balancer != null
                        ? balancer
                        : LoadBalancer.of(policy, eligible, localityWeighted && ring, System::nanoTime));
        level.choice.set(fresh);
        return fresh;
    }

    @Override
    public boolean drops(RandomGenerator random) {
        int drop = members.policy.drop();
        return drop > 0 && random.nextInt(1_000_000) < drop;
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
        return List.copyOf(all());
    }

    @Override
    public @Nullable SuccessRates successRates() {
        return outliers == null ? null : outliers.successRates();
    }

    @Override
    public @Nullable SuccessRates localOriginSuccessRates() {
        return outliers == null ? null : outliers.localOriginSuccessRates();
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
