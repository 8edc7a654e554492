package dev.mesh.proxy.load;

import com.google.protobuf.Any;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.cluster.AssignmentPolicy;
import dev.mesh.proxy.cluster.ClusterReader;
import dev.mesh.proxy.cluster.HostSpec;
import dev.mesh.proxy.cluster.LiveCluster;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.stats.Scope;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The clusters and their hosts: checks them, waits for their hosts, puts them into effect and takes them out.
/// Configuration thread, under the loader's lock.
final class Clusters {
    private static final Logger LOGGER = LoggerFactory.getLogger(Clusters.class);

    private final LiveClusters live = new LiveClusters();
    private final ClusterReader reader;
    private final LiveSecrets secrets;
    private final Ledger ledger;
    private final ScheduledExecutorService thread;
    private final Runnable sweepPools;
    private final Waits waits;
    private final Map<String, ClusterState> states = new TreeMap<>();
    private final Map<String, AssignmentState> assignments = new TreeMap<>();
    private final Set<String> removing = new TreeSet<>();

    private static final class ClusterState {
        private @Nullable LiveCluster active;
        private String activeVersion = "";
        private @Nullable Any activeBody;
        private ClusterReader.@Nullable Read activeRead;
        private ClusterReader.@Nullable Read warming;
        private boolean hostsKnown; // of the warming one
        private String warmingVersion = "";
        private @Nullable Any warmingBody;
        private @Nullable ScheduledFuture<?> dns;
        private @Nullable ScheduledFuture<?> outliers;
        private @Nullable ScheduledFuture<?> originals;
    }

    private record AssignmentState(String version, Any body, ClusterLoadAssignment assignment) {}

    Clusters(
            Scope stats,
            LiveSecrets secrets,
            Ledger ledger,
            ScheduledExecutorService thread,
            Runnable sweepPools,
            Waits waits) {
        this.reader = new ClusterReader(stats, secrets);
        this.secrets = secrets;
        this.ledger = ledger;
        this.thread = thread;
        this.sweepPools = sweepPools;
        this.waits = waits;
    }

    LiveClusters live() {
        return live;
    }

    /// Names of the load assignments that clusters want.
    Set<String> wantedAssignments() {
        var names = new TreeSet<String>();
        states.values().forEach(state -> {
            if (state.activeRead != null && state.activeRead.discovery() == ClusterReader.Discovery.EDS) {
                names.add(state.activeRead.edsName());
            }
            if (state.warming != null && state.warming.discovery() == ClusterReader.Discovery.EDS) {
                names.add(state.warming.edsName());
            }
        });
        return names;
    }

    /// Names of the secrets that clusters want.
    Set<String> wantedSecrets() {
        var names = new TreeSet<String>();
        states.values().forEach(state -> {
            if (state.activeRead != null) {
                names.addAll(state.activeRead.secrets());
            }
            if (state.warming != null) {
                names.addAll(state.warming.secrets());
            }
        });
        return names;
    }

    /// Puts those into effect whose secrets have come.
    void settle() {
        states.forEach((name, state) -> {
            if (state.warming != null && state.hostsKnown && hasSecrets(state.warming)) {
                activate(name, state);
            }
        });
    }

    private boolean hasSecrets(ClusterReader.Read read) {
        return read.secrets().stream().allMatch(secrets::isSettled);
    }

    // The hosts are known: what it waits for now is its secrets.
    private void arrived(String name, ClusterState state) {
        ClusterReader.Read read = state.warming;
        if (read == null) {
            return;
        }
        if (hasSecrets(read)) {
            activate(name, state);
        } else if (!state.hostsKnown) {
            state.hostsKnown = true;
            ledger.warming(XdsType.CLUSTER, name, state.warmingVersion);
            waits.fetchTimeout(() -> {
                if (state.warming == read) {
                    activate(name, state);
                }
            });
        }
    }

    boolean knows(String name) {
        return states.containsKey(name);
    }

    boolean hasAssignment(String name) {
        return assignments.containsKey(name);
    }

    /// Whether a version of it waits for its hosts.
    boolean isWarming(String name) {
        ClusterState state = states.get(name);
        return state != null && state.warming != null;
    }

    /// Whether it waits for its first hosts, so that nothing can be sent to it yet.
    boolean isNew(String name) {
        ClusterState state = states.get(name);
        return state != null && state.active == null && state.warming != null;
    }

    /// @throws ConfigRejected with every reason
    void check(Cluster proto) throws ConfigRejected {
        reader.read(proto);
    }

    /// Takes a cluster; it is in effect when its hosts are known.
    ///
    /// @throws ConfigRejected with every reason; then nothing has changed
    void cluster(Loader.Update update, Cluster proto) throws ConfigRejected {
        ClusterState state = states.get(proto.getName());
        removing.remove(proto.getName());
        if (state != null && update.body().equals(state.activeBody)) {
            state.warming = null;
            state.activeVersion = update.version();
            ledger.record(XdsType.CLUSTER, proto.getName(), update.version(), update.body(), "");
            return;
        }
        var read = reader.read(proto);
        if (state == null) {
            state = new ClusterState();
            states.put(proto.getName(), state);
        }
        state.warming = read;
        state.hostsKnown = false;
        state.warmingVersion = update.version();
        state.warmingBody = update.body();
        switch (read.discovery()) {
            case STATIC -> {
                read.cluster()
                        .update(
                                ClusterReader.hosts(read.assignment(), ClusterReader.Resolver.LITERALS),
                                ClusterReader.policy(read.assignment()));
                arrived(proto.getName(), state);
            }
            case ORIGINAL_DST -> arrived(proto.getName(), state);
            case STRICT_DNS -> resolve(proto.getName(), state, read);
            case EDS -> {
                AssignmentState known = assignments.get(read.edsName());
                if (known != null) {
                    read.cluster()
                            .update(
                                    ClusterReader.hosts(known.assignment(), ClusterReader.Resolver.LITERALS),
                                    ClusterReader.policy(known.assignment()));
                    arrived(proto.getName(), state);
                } else {
                    ledger.warming(XdsType.CLUSTER, proto.getName(), update.version());
                    waits.fetchTimeout(() -> {
                        ClusterState now = states.get(proto.getName());
                        if (now != null && now.warming == read) {
                            activate(proto.getName(), now);
                        }
                    });
                }
            }
        }
    }

    private void activate(String name, ClusterState state) {
        var read = state.warming;
        if (read == null) {
            return;
        }
        LiveCluster old = state.active;
        state.active = read.cluster();
        state.activeRead = read;
        state.activeVersion = state.warmingVersion;
        state.activeBody = state.warmingBody;
        state.warming = null;
        live.put(read.cluster());
        if (old != null) {
            old.remove();
            sweepPools.run();
        }
        if (state.outliers != null) {
            state.outliers.cancel(false);
            state.outliers = null;
        }
        if (read.outliers() != null) {
            long nanos = Math.max(1_000_000, read.outliers().interval().toNanos());
            state.outliers =
                    thread.scheduleAtFixedRate(read.cluster()::sweepOutliers, nanos, nanos, TimeUnit.NANOSECONDS);
        }
        if (state.originals != null) {
            state.originals.cancel(false);
            state.originals = null;
        }
        if (read.original() != null) {
            long nanos = Math.max(1_000_000, read.original().cleanup().toNanos());
            state.originals = thread.scheduleAtFixedRate(
                    () -> {
                        if (read.cluster().sweepOriginals()) {
                            sweepPools.run();
                        }
                    },
                    nanos,
                    nanos,
                    TimeUnit.NANOSECONDS);
        }
        Any body = state.activeBody;
        if (body != null) {
            ledger.record(XdsType.CLUSTER, name, state.activeVersion, body, "");
        }
    }

    /// Takes a load assignment.
    void endpoints(Loader.Update update, ClusterLoadAssignment proto) throws ConfigRejected {
        List<HostSpec> hosts = ClusterReader.hosts(proto, ClusterReader.Resolver.LITERALS);
        assignments.put(proto.getClusterName(), new AssignmentState(update.version(), update.body(), proto));
        hostsKnown(proto.getClusterName(), hosts, ClusterReader.policy(proto));
        ledger.record(XdsType.ENDPOINT, proto.getClusterName(), update.version(), update.body(), "");
    }

    private void hostsKnown(String edsName, List<HostSpec> hosts, AssignmentPolicy policy) {
        states.forEach((name, state) -> {
            var active = state.activeRead;
            if (active != null
                    && active.discovery() == ClusterReader.Discovery.EDS
                    && active.edsName().equals(edsName)) {
                active.cluster().update(hosts, policy);
                sweepPools.run();
            }
            var warming = state.warming;
            if (warming != null
                    && warming.discovery() == ClusterReader.Discovery.EDS
                    && warming.edsName().equals(edsName)) {
                warming.cluster().update(hosts, policy);
                arrived(name, state);
            }
        });
    }

    // Names are resolved off this thread; the cluster waits for the first answer, later failures keep the hosts.
    private void resolve(String name, ClusterState state, ClusterReader.Read read) {
        if (state.dns != null) {
            state.dns.cancel(false);
            state.dns = null;
        }
        Thread.ofVirtual().name("dns-" + name).start(() -> {
            List<HostSpec> found = null;
            try {
                found = ClusterReader.hosts(read.assignment(), new Dns(read.family()));
            } catch (ConfigRejected e) {
                LOGGER.atWarn()
                        .addKeyValue("cluster", name)
                        .addKeyValue("reason", e.getMessage())
                        .log("name resolution failed");
            }
            List<HostSpec> hosts = found;
            if (!thread.isShutdown()) {
                thread.execute(() -> waits.exclusively(() -> resolved(name, read, hosts)));
            }
        });
    }

    private void resolved(String name, ClusterReader.Read read, @Nullable List<HostSpec> hosts) {
        ClusterState state = states.get(name);
        if (state == null || (state.warming != read && state.activeRead != read)) {
            return;
        }
        if (hosts != null) {
            read.cluster().update(hosts, ClusterReader.policy(read.assignment()));
            sweepPools.run();
        }
        if (state.warming == read) {
            arrived(name, state);
        }
        long millis = Math.max(1, read.dnsRefresh().toMillis());
        state.dns = thread.schedule(() -> resolve(name, state, read), millis, TimeUnit.MILLISECONDS);
    }

    /// Asks the machine's resolver, and keeps the addresses of the wanted family.
    private record Dns(Cluster.DnsLookupFamily family) implements ClusterReader.Resolver {
        @Override
        public List<InetAddress> resolve(String address, String path) throws ConfigRejected {
            try {
                return wanted(Arrays.asList(InetAddress.getAllByName(address)), address, path);
            } catch (UnknownHostException e) {
                throw new ConfigRejected(path + ": \"" + address + "\" cannot be resolved");
            }
        }

        private List<InetAddress> wanted(List<InetAddress> found, String address, String path) throws ConfigRejected {
            var four = found.stream().filter(Inet4Address.class::isInstance).toList();
            var six = found.stream().filter(Inet6Address.class::isInstance).toList();
            var wanted = switch (family) {
                case AUTO -> six.isEmpty() ? four : six;
                case V4_ONLY -> four;
                case V6_ONLY -> six;
                case V4_PREFERRED -> four.isEmpty() ? six : four;
                case ALL, UNRECOGNIZED -> found;
            };
            if (wanted.isEmpty()) {
                throw new ConfigRejected(path + ": \"" + address + "\" has no address of family " + family);
            }
            return wanted;
        }

        @Override
        public boolean names() {
            return true;
        }
    }

    // ---- removal ----

    /// Takes a cluster out when no route names it any more, or after a while.
    void remove(String name) {
        if (!states.containsKey(name)) {
            ledger.forget(XdsType.CLUSTER, name);
        } else if (removing.add(name)) {
            waits.fetchTimeout(() -> {
                if (removing.remove(name)) {
                    dropCluster(name);
                }
            });
        }
    }

    boolean isRemoving() {
        return !removing.isEmpty();
    }

    /// @param named that routes name
    void removeUnnamed(Set<String> named) {
        for (String name : List.copyOf(removing)) {
            if (!named.contains(name)) {
                removing.remove(name);
                dropCluster(name);
            }
        }
    }

    void removeAssignment(String name) {
        assignments.remove(name);
        hostsKnown(name, List.of(), AssignmentPolicy.USUAL);
        ledger.forget(XdsType.ENDPOINT, name);
    }

    /// Forgets assignments that no cluster names: their subscription ends, so they would grow stale.
    void forgetUnwanted() {
        Set<String> wanted = wantedAssignments();
        for (String name : List.copyOf(assignments.keySet())) {
            if (!wanted.contains(name)) {
                assignments.remove(name);
                ledger.forget(XdsType.ENDPOINT, name);
            }
        }
    }

    private void dropCluster(String name) {
        ClusterState state = states.remove(name);
        if (state == null) {
            return;
        }
        live.remove(name);
        if (state.dns != null) {
            state.dns.cancel(false);
        }
        if (state.outliers != null) {
            state.outliers.cancel(false);
        }
        if (state.originals != null) {
            state.originals.cancel(false);
        }
        if (state.active != null) {
            state.active.remove();
            state.active.scope().remove();
        }
        ledger.forget(XdsType.CLUSTER, name);
        sweepPools.run();
    }
}
