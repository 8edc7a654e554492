package dev.mesh.proxy.load;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.mesh.api.decide.RouteAction;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.VirtualHost;
import dev.mesh.api.decide.compile.Compiled;
import dev.mesh.api.decide.compile.RouteCompiler;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.cluster.AssignmentPolicy;
import dev.mesh.proxy.cluster.ClusterReader;
import dev.mesh.proxy.cluster.HostSpec;
import dev.mesh.proxy.cluster.LiveCluster;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.HttpFilterRegistry;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import dev.mesh.proxy.filter.PerRouteConfigs;
import dev.mesh.proxy.listener.ListenerManager;
import dev.mesh.proxy.listener.ListenerSpec;
import dev.mesh.proxy.stats.Scope;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.TrafficDirection;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The one place where configuration becomes active. Configuration thread only, but for the dumps.
public final class Loader {
    private static final Logger LOGGER = LoggerFactory.getLogger(Loader.class);

    /// One resource as it came.
    public record Update(String name, String version, Any body) {}

    /// Hears what became active.
    public interface Observer {
        /// @param changed entries that are new or different
        /// @param gone names that went, by type
        void onApplied(Collection<Entry> changed, Map<XdsType, Set<String>> gone);
    }

    private final ListenerManager listeners;
    private final LiveClusters clusters = new LiveClusters();
    private final ClusterReader clusterReader;
    private final ListenerReader listenerReader;
    private final HttpFilterRegistry httpFilters;
    private final Scope stats;
    private final ScheduledExecutorService thread;
    private final Runnable sweepPools;

    private final Map<String, ClusterState> clusterStates = new TreeMap<>();
    private final Map<String, AssignmentState> assignments = new TreeMap<>();
    private final Map<String, ListenerState> listenerStates = new TreeMap<>();
    private final Map<String, RouteState> routeStates = new TreeMap<>();
    private final Set<String> removingClusters = new TreeSet<>();
    private final Map<XdsType, Map<String, Entry>> entries = new EnumMap<>(XdsType.class);
    private final List<Entry> changed = new ArrayList<>();
    private final Map<XdsType, Set<String>> gone = new EnumMap<>(XdsType.class);
    private @Nullable Observer observer;
    private boolean bootstrapping;

    // Pushes of a control plane that says where they end: one comes in, one waits for its closure.
    private PushStage incoming = new PushStage();
    private @Nullable PushStage waiting;
    private String committed = "";
    private String waitingPush = "";
    private volatile String inEffect = "";
    private Runnable wantedChanged = () -> {};

    private static final class ClusterState {
        private @Nullable LiveCluster active;
        private String activeVersion = "";
        private @Nullable Any activeBody;
        private ClusterReader.@Nullable Read activeRead;
        private ClusterReader.@Nullable Read warming;
        private String warmingVersion = "";
        private @Nullable Any warmingBody;
        private @Nullable ScheduledFuture<?> dns;
        private @Nullable ScheduledFuture<?> outliers;
    }

    private record AssignmentState(String version, Any body, ClusterLoadAssignment assignment) {}

    private static final class ListenerState {
        private String activeVersion = "";
        private @Nullable Any activeBody;
        private @Nullable ListenerSpec warming;
        private String warmingVersion = "";
        private @Nullable Any warmingBody;
        private Set<String> routes = Set.of();
        private Set<String> warmingRoutes = Set.of();
    }

    private static final class RouteState {
        private final RouteSlot slot = new RouteSlot();
        private String version = "";
        private @Nullable Any body;
        private @Nullable RouteTable waiting;
        private String waitingVersion = "";
        private @Nullable Any waitingBody;
    }

    /// @param thread the configuration thread
    /// @param sweepPools called when hosts or clusters went
    public Loader(
            ListenerManager listeners,
            List<NetworkFilterFactory> networkFilters,
            HttpFilterRegistry httpFilters,
            Scope stats,
            ScheduledExecutorService thread,
            Runnable sweepPools) {
        this.listeners = listeners;
        this.httpFilters = httpFilters;
        this.stats = stats;
        this.thread = thread;
        this.sweepPools = sweepPools;
        this.clusterReader = new ClusterReader(stats);
        this.listenerReader = new ListenerReader(networkFilters);
        for (XdsType type : XdsType.values()) {
            entries.put(type, new TreeMap<>());
        }
    }

    public LiveClusters clusters() {
        return clusters;
    }

    public void observer(Observer to) {
        observer = to;
    }

    /// @param to told, on the configuration thread, when what is [#wanted] may have changed by time alone
    public void onWantedChanged(Runnable to) {
        wantedChanged = to;
    }

    /// The push that is in effect as a whole; empty if the control plane does not say where pushes end.
    public String pushInEffect() {
        return inEffect;
    }

    /// Names that the proxy wants of a type, by what it runs or warms.
    public synchronized Set<String> wanted(XdsType type) {
        var names = new TreeSet<String>();
        switch (type) {
            case ENDPOINT ->
                clusterStates.values().forEach(state -> {
                    if (state.activeRead != null && state.activeRead.discovery() == ClusterReader.Discovery.EDS) {
                        names.add(state.activeRead.edsName());
                    }
                    if (state.warming != null && state.warming.discovery() == ClusterReader.Discovery.EDS) {
                        names.add(state.warming.edsName());
                    }
                });
            case ROUTE -> {
                listenerStates.values().forEach(state -> {
                    names.addAll(state.routes);
                    names.addAll(state.warmingRoutes);
                });
                PushStage staged = waiting;
                if (staged != null) {
                    names.addAll(staged.routes());
                }
            }
            case CLUSTER, LISTENER, VIRTUAL_HOST, SECRET, PUSH_COMMIT -> {}
        }
        return names;
    }

    /// Whether route configurations are there whose virtual hosts come one by one.
    public synchronized boolean wantsVirtualHosts() {
        return routeStates.values().stream()
                .anyMatch(state -> state.slot.configuration != null && state.slot.configuration.hasVhds());
    }

    /// Everything that is known of every resource.
    public synchronized List<Entry> dump() {
        var all = new ArrayList<Entry>();
        entries.values().forEach(byName -> all.addAll(byName.values()));
        return all;
    }

    /// The newest table of a route configuration, or null.
    public synchronized @Nullable RouteTable routeTable(String name) {
        RouteState state = routeStates.get(name);
        return state == null ? null : state.slot.get();
    }

    /// Loads static resources: anything wrong is an error.
    ///
    /// @throws ConfigRejected with every reason
    public synchronized void loadStatic(List<Cluster> staticClusters, List<Listener> staticListeners)
            throws ConfigRejected {
        bootstrapping = true;
        var reasons = new ArrayList<String>();
        for (int i = 0; i < staticClusters.size(); i++) {
            var cluster = staticClusters.get(i);
            try {
                cluster(new Update(cluster.getName(), "", Any.pack(cluster)), cluster);
            } catch (ConfigRejected e) {
                int at = i;
                e.reasons()
                        .forEach(reason -> reasons.add(
                                "static_resources.clusters[" + at + "] (" + cluster.getName() + ")." + reason));
            }
        }
        for (int i = 0; i < staticListeners.size(); i++) {
            var listener = staticListeners.get(i);
            try {
                listener(new Update(listener.getName(), "", Any.pack(listener)), listener);
            } catch (ConfigRejected e) {
                int at = i;
                e.reasons()
                        .forEach(reason -> reasons.add(
                                "static_resources.listeners[" + at + "] (" + listener.getName() + ")." + reason));
            }
        }
        bootstrapping = false;
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
        settle();
    }

    /// Whether all that came is in effect or refused: no listener waits for its routes, and no push for its end.
    public synchronized boolean isSettled() {
        return waiting == null
                && incoming.isEmpty()
                && listenerStates.values().stream().allMatch(state -> state.warming == null);
    }

    /// Applies what one response brought, or keeps it for the end of its push.
    ///
    /// @param complete whether `updates` is all there is of the type (state of the world)
    /// @param push the push that this is part of; empty if the control plane does not say
    /// @return every reason to refuse a part of it; the rest is applied
    public synchronized List<String> apply(
            XdsType type, List<Update> updates, Collection<String> removed, boolean complete, String push) {
        var reasons = new ArrayList<String>();
        var seen = new HashSet<String>();
        var good = new ArrayList<Update>(updates.size());
        for (Update update : updates) {
            if (seen.add(update.name())) {
                good.add(update);
            } else {
                reasons.add(type.shortName() + " " + update.name() + ": stands twice in one response");
            }
        }
        // What belongs to a push that has ended answers a question of ours.
        if (!committed.isEmpty() && !push.isEmpty() && !push.equals(committed)) {
            stage(type, good, removed, reasons);
            return reasons;
        }
        if (type == XdsType.VIRTUAL_HOST) {
            virtualHosts(good, removed, reasons);
        } else {
            good.forEach(update -> guarded(type, update, reasons));
            var toRemove = new TreeSet<>(removed);
            if (complete) {
                of(type).values().forEach(entry -> {
                    if (!entry.isStatic() && !seen.contains(entry.name())) {
                        toRemove.add(entry.name());
                    }
                });
            }
            toRemove.forEach(name -> remove(type, name));
        }
        settle();
        return reasons;
    }

    private void guarded(XdsType type, Update update, List<String> reasons) {
        try {
            one(type, update);
        } catch (ConfigRejected e) {
            e.reasons().forEach(reason -> reasons.add(update.name() + ": " + reason));
            failed(type, update, e);
        } catch (InvalidProtocolBufferException e) {
            reasons.add(update.name() + ": not a " + type.typeUrl() + ": " + e.getMessage());
        }
    }

    // ---- pushes ----

    /// A new stream begins. What an earlier one left unfinished goes into effect, for it was accepted.
    public synchronized void streamOpened() {
        committed = "";
        if (!incoming.isEmpty()) {
            commit("");
        }
    }

    /// A push ended: it goes into effect as soon as everything that it needs is there.
    public synchronized void commit(String push) {
        committed = push;
        waitingPush = push;
        PushStage staged = waiting;
        if (staged == null) {
            staged = incoming;
            waiting = staged;
            PushStage mine = staged;
            fetchTimeout(() -> {
                if (waiting == mine) {
                    LOGGER.atWarn().addKeyValue("push", waitingPush).log("a push goes into effect incomplete");
                    activateStage(mine);
                }
            });
        } else {
            staged.merge(incoming);
        }
        incoming = new PushStage();
        // Clusters first, each with the endpoints that came along.
        for (Update update : staged.take(XdsType.CLUSTER)) {
            staged.warms(update.name());
            late(XdsType.CLUSTER, update, staged);
        }
        for (String name : wanted(XdsType.ENDPOINT)) {
            Update endpoints = staged.update(XdsType.ENDPOINT, name);
            if (endpoints != null && !assignments.containsKey(name)) {
                staged.done(XdsType.ENDPOINT, name);
                late(XdsType.ENDPOINT, endpoints, staged);
            }
        }
        settle();
    }

    // Checks now, so that the answer can say what is wrong; applies when the push ends.
    private void stage(XdsType type, List<Update> updates, Collection<String> removed, List<String> reasons) {
        if (incoming.isEmpty()) {
            PushStage mine = incoming;
            fetchTimeout(() -> {
                if (incoming == mine && !mine.isEmpty()) {
                    commit(committed); // its end never came
                }
            });
        }
        for (Update update : updates) {
            try {
                check(type, update);
                if (type != XdsType.VIRTUAL_HOST) {
                    warming(type, update.name(), update.version());
                }
            } catch (ConfigRejected e) {
                e.reasons().forEach(reason -> reasons.add(update.name() + ": " + reason));
                failed(type, update, e);
                incoming.refuse(type, update.name());
            } catch (InvalidProtocolBufferException e) {
                reasons.add(update.name() + ": not a " + type.typeUrl() + ": " + e.getMessage());
                incoming.refuse(type, update.name());
            }
        }
        removed.forEach(name -> incoming.remove(type, name));
        settle();
    }

    private void check(XdsType type, Update update) throws ConfigRejected, InvalidProtocolBufferException {
        switch (type) {
            case CLUSTER -> {
                clusterReader.read(unpack(update, Cluster.class));
                incoming.put(type, update);
            }
            case ENDPOINT -> {
                ClusterReader.hosts(unpack(update, ClusterLoadAssignment.class), ClusterReader.Resolver.LITERALS);
                incoming.put(type, update);
            }
            case LISTENER -> {
                Listener proto = unpack(update, Listener.class);
                var context = new Context(proto);
                listenerReader.read(proto, context);
                incoming.putListener(update, context.wanted);
            }
            case ROUTE -> {
                RouteConfiguration proto = unpack(update, RouteConfiguration.class);
                incoming.putRoute(update, compiled(proto), proto);
            }
            case VIRTUAL_HOST -> {
                String route = routeOf(update.name());
                RouteConfiguration configuration = incoming.configuration(route);
                if (configuration == null && waiting != null) {
                    configuration = waiting.configuration(route);
                }
                RouteState state = routeStates.get(route);
                if (configuration == null && state != null) {
                    configuration = state.slot.configuration;
                }
                if (configuration != null) {
                    compiled(unpack(update, io.envoyproxy.envoy.config.route.v3.VirtualHost.class), configuration);
                }
                incoming.put(type, update);
            }
            case SECRET -> throw new ConfigRejected("secrets are not supported");
            case PUSH_COMMIT -> {}
        }
    }

    // Whether everything is there that the listeners and routes of a push need.
    private boolean closed(PushStage staged) {
        for (String name : staged.warming()) {
            ClusterState state = clusterStates.get(name);
            if (state != null && state.warming != null) {
                return false;
            }
        }
        if (staged.tables().stream().anyMatch(this::warms)) {
            return false;
        }
        for (String name : staged.routes()) {
            RouteState state = routeStates.get(name);
            if ((state == null || !state.slot.ready() || state.waiting != null)
                    && staged.update(XdsType.ROUTE, name) == null
                    && !staged.isRefused(XdsType.ROUTE, name)) {
                return false;
            }
        }
        return true;
    }

    // Endpoints, then what sends traffic to them, then what went: nothing is named before it is there, and
    // nothing goes while it is named.
    private void activateStage(PushStage staged) {
        waiting = null;
        var emptied = new ArrayList<Update>();
        for (Update update : staged.take(XdsType.ENDPOINT)) {
            if (hasHosts(update)) {
                late(XdsType.ENDPOINT, update, staged);
            } else {
                emptied.add(update);
            }
        }
        for (Update update : staged.take(XdsType.ROUTE)) {
            RouteTable table = staged.table(update.name());
            RouteState state = routeStates.get(update.name());
            String missing = table == null || state == null || state.slot.get() == null
                    ? null
                    : refusedOf(table.clusterNames(), staged);
            if (missing == null) {
                late(XdsType.ROUTE, update, staged);
            } else {
                heldBack(XdsType.ROUTE, update, missing);
            }
        }
        var reasons = new ArrayList<String>();
        virtualHosts(heldBack(staged), staged.removed(XdsType.VIRTUAL_HOST), reasons);
        reasons.forEach(Loader::lateReason);
        staged.take(XdsType.LISTENER).forEach(update -> late(XdsType.LISTENER, update, staged));
        emptied.forEach(update -> late(XdsType.ENDPOINT, update, staged));
        for (XdsType type : List.of(XdsType.LISTENER, XdsType.ROUTE, XdsType.CLUSTER, XdsType.ENDPOINT)) {
            staged.removed(type).forEach(name -> remove(type, name));
        }
        inEffect = waitingPush;
    }

    // Without the virtual hosts that would name what was refused and have a last good version.
    private List<Update> heldBack(PushStage staged) {
        var usable = new ArrayList<Update>();
        for (Update update : staged.take(XdsType.VIRTUAL_HOST)) {
            String missing = null;
            try {
                RouteState state = routeStates.get(routeOf(update.name()));
                RouteConfiguration configuration = state == null ? null : state.slot.configuration;
                if (state != null && configuration != null && state.slot.virtualHosts.containsKey(update.name())) {
                    var proto = unpack(update, io.envoyproxy.envoy.config.route.v3.VirtualHost.class);
                    missing = refusedOf(clusterNames(compiled(proto, configuration)), staged);
                }
            } catch (ConfigRejected | InvalidProtocolBufferException e) {
                missing = null; // is refused when it is applied, with its reasons
            }
            if (missing == null) {
                usable.add(update);
            } else {
                heldBack(XdsType.VIRTUAL_HOST, update, missing);
            }
        }
        return usable;
    }

    private void heldBack(XdsType type, Update update, String cluster) {
        error(
                type,
                update.name(),
                update.version(),
                "names cluster \"" + cluster + "\", which was refused; the last good version stays");
    }

    private @Nullable String refusedOf(Set<String> names, PushStage staged) {
        for (String name : names) {
            if (staged.isRefused(XdsType.CLUSTER, name) && !clusterStates.containsKey(name)) {
                return name;
            }
        }
        return null;
    }

    private static Set<String> clusterNames(VirtualHost host) {
        var names = new TreeSet<String>();
        for (var route : host.routes()) {
            if (route.action() instanceof RouteAction.Forward forward) {
                switch (forward.clusters()) {
                    case RouteAction.ClusterSpecifier.Single(String name) -> names.add(name);
                    case RouteAction.ClusterSpecifier.Weighted weighted ->
                        weighted.clusters().forEach(cluster -> names.add(cluster.cluster()));
                    case RouteAction.ClusterSpecifier.FromHeader _ -> {}
                }
            }
        }
        return names;
    }

    private static boolean hasHosts(Update endpoints) {
        try {
            return unpack(endpoints, ClusterLoadAssignment.class).getEndpointsList().stream()
                    .anyMatch(locality -> locality.getLbEndpointsCount() > 0);
        } catch (InvalidProtocolBufferException e) {
            return false;
        }
    }

    // Was good when it was checked; what is wrong only now (a port that is taken) has nobody to be refused to.
    private void late(XdsType type, Update update, PushStage staged) {
        var reasons = new ArrayList<String>();
        guarded(type, update, reasons);
        if (!reasons.isEmpty()) {
            staged.refuse(type, update.name());
            reasons.forEach(Loader::lateReason);
        }
    }

    private static void lateReason(String reason) {
        LOGGER.atError().addKeyValue("reason", reason).log("a resource of an accepted push cannot be used");
    }

    private void one(XdsType type, Update update) throws ConfigRejected, InvalidProtocolBufferException {
        switch (type) {
            case CLUSTER -> cluster(update, unpack(update, Cluster.class));
            case ENDPOINT -> endpoints(update, unpack(update, ClusterLoadAssignment.class));
            case LISTENER -> listener(update, unpack(update, Listener.class));
            case ROUTE -> route(update, unpack(update, RouteConfiguration.class));
            case VIRTUAL_HOST -> throw new IllegalStateException("virtual hosts come together");
            case SECRET -> throw new ConfigRejected("secrets are not supported");
            case PUSH_COMMIT -> {}
        }
    }

    private static <T extends Message> T unpack(Update update, Class<T> type) throws InvalidProtocolBufferException {
        return update.body().unpack(type);
    }

    // ---- clusters and endpoints ----

    private void cluster(Update update, Cluster proto) throws ConfigRejected {
        ClusterState state = clusterStates.get(proto.getName());
        removingClusters.remove(proto.getName());
        if (state != null && update.body().equals(state.activeBody)) {
            state.warming = null;
            state.activeVersion = update.version();
            record(XdsType.CLUSTER, proto.getName(), update.version(), update.body(), "");
            return;
        }
        var read = clusterReader.read(proto);
        if (state == null) {
            state = new ClusterState();
            clusterStates.put(proto.getName(), state);
        }
        state.warming = read;
        state.warmingVersion = update.version();
        state.warmingBody = update.body();
        switch (read.discovery()) {
            case STATIC -> {
                read.cluster()
                        .update(
                                ClusterReader.hosts(read.assignment(), ClusterReader.Resolver.LITERALS),
                                ClusterReader.policy(read.assignment()));
                activate(proto.getName(), state);
            }
            case NO_HOSTS -> activate(proto.getName(), state);
            case STRICT_DNS -> resolve(proto.getName(), state, read);
            case EDS -> {
                AssignmentState known = assignments.get(read.edsName());
                if (known != null) {
                    read.cluster()
                            .update(
                                    ClusterReader.hosts(known.assignment(), ClusterReader.Resolver.LITERALS),
                                    ClusterReader.policy(known.assignment()));
                    activate(proto.getName(), state);
                } else {
                    warming(XdsType.CLUSTER, proto.getName(), update.version());
                    fetchTimeout(() -> {
                        ClusterState now = clusterStates.get(proto.getName());
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
        clusters.put(read.cluster());
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
        Any body = state.activeBody;
        if (body != null) {
            record(XdsType.CLUSTER, name, state.activeVersion, body, "");
        }
    }

    private void endpoints(Update update, ClusterLoadAssignment proto) throws ConfigRejected {
        List<HostSpec> hosts = ClusterReader.hosts(proto, ClusterReader.Resolver.LITERALS);
        assignments.put(proto.getClusterName(), new AssignmentState(update.version(), update.body(), proto));
        hostsKnown(proto.getClusterName(), hosts, ClusterReader.policy(proto));
        record(XdsType.ENDPOINT, proto.getClusterName(), update.version(), update.body(), "");
    }

    private void hostsKnown(String edsName, List<HostSpec> hosts, AssignmentPolicy policy) {
        clusterStates.forEach((name, state) -> {
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
                activate(name, state);
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
                thread.execute(() -> resolved(name, read, hosts));
            }
        });
    }

    private synchronized void resolved(String name, ClusterReader.Read read, @Nullable List<HostSpec> hosts) {
        ClusterState state = clusterStates.get(name);
        if (state == null || (state.warming != read && state.activeRead != read)) {
            return;
        }
        if (hosts != null) {
            read.cluster().update(hosts, ClusterReader.policy(read.assignment()));
            sweepPools.run();
        }
        if (state.warming == read) {
            activate(name, state);
        }
        long millis = Math.max(1, read.dnsRefresh().toMillis());
        state.dns = thread.schedule(() -> resolve(name, state, read), millis, TimeUnit.MILLISECONDS);
        settle();
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

    // ---- listeners ----

    private void listener(Update update, Listener proto) throws ConfigRejected {
        String name = proto.getName().isEmpty() ? update.name() : proto.getName();
        ListenerState state = listenerStates.get(name);
        if (state != null && update.body().equals(state.activeBody)) {
            state.warming = null;
            state.warmingRoutes = Set.of();
            state.activeVersion = update.version();
            record(XdsType.LISTENER, name, update.version(), update.body(), "");
            return;
        }
        var context = new Context(proto);
        ListenerSpec spec = listenerReader.read(proto, context);
        if (state == null) {
            state = new ListenerState();
            listenerStates.put(name, state);
        }
        state.warming = spec;
        state.warmingRoutes = context.wanted;
        state.warmingVersion = update.version();
        state.warmingBody = update.body();
        if (ready(state)) {
            String problem = activate(name, state);
            if (problem != null) {
                state.warming = null;
                state.warmingRoutes = Set.of();
                throw new ConfigRejected(problem);
            }
        } else {
            warming(XdsType.LISTENER, name, update.version());
            ListenerState waiting = state;
            fetchTimeout(() -> {
                if (waiting.warming == spec) {
                    activateLogged(name, waiting);
                }
            });
        }
    }

    private boolean ready(ListenerState state) {
        for (String route : state.warmingRoutes) {
            RouteState wanted = routeStates.get(route);
            if (wanted == null || !wanted.slot.ready() || wanted.waiting != null && wanted.slot.get() == null) {
                return false;
            }
        }
        return true;
    }

    private @Nullable String activate(String name, ListenerState state) {
        ListenerSpec spec = state.warming;
        if (spec == null) {
            return null;
        }
        String problem = listeners.put(spec);
        if (problem != null) {
            return problem;
        }
        state.routes = state.warmingRoutes;
        state.warmingRoutes = Set.of();
        state.activeVersion = state.warmingVersion;
        state.activeBody = state.warmingBody;
        state.warming = null;
        Any body = state.activeBody;
        if (body != null) {
            record(XdsType.LISTENER, name, state.activeVersion, body, "");
        }
        return null;
    }

    private void activateLogged(String name, ListenerState state) {
        String version = state.warmingVersion;
        String problem = activate(name, state);
        if (problem != null) {
            state.warming = null;
            LOGGER.atError()
                    .addKeyValue("listener", name)
                    .addKeyValue("reason", problem)
                    .log("listener cannot be activated");
            error(XdsType.LISTENER, name, version, problem);
        }
    }

    /// What network filters of one listener may use.
    private final class Context implements BindContext {
        private final Set<String> wanted = new TreeSet<>();
        private final Direction direction;
        private final boolean isStatic = bootstrapping;

        private Context(Listener listener) {
            direction = listener.getTrafficDirection() == TrafficDirection.INBOUND
                    ? Direction.INBOUND
                    : listener.getTrafficDirection() == TrafficDirection.OUTBOUND
                            ? Direction.OUTBOUND
                            : Direction.UNSPECIFIED;
        }

        @Override
        public LiveClusters clusters() {
            return clusters;
        }

        @Override
        public Scope stats() {
            return stats;
        }

        @Override
        public HttpFilterRegistry httpFilters() {
            return httpFilters;
        }

        @Override
        public Supplier<@Nullable RouteTable> routes(String name) {
            wanted.add(name);
            return routeStates.computeIfAbsent(name, any -> new RouteState()).slot;
        }

        @Override
        public boolean isStatic() {
            return isStatic;
        }

        @Override
        public Direction direction() {
            return direction;
        }
    }

    // ---- routes ----

    private RouteTable compiled(RouteConfiguration proto) throws ConfigRejected {
        var table = switch (RouteCompiler.compile(proto)) {
            case Compiled.Ok<RouteTable>(RouteTable compiled) -> compiled;
            case Compiled.Rejected<RouteTable>(List<String> reasons) -> throw new ConfigRejected(reasons);
        };
        var unusable = PerRouteConfigs.check(table, httpFilters);
        if (!unusable.isEmpty()) {
            throw new ConfigRejected(unusable);
        }
        return table;
    }

    private VirtualHost compiled(
            io.envoyproxy.envoy.config.route.v3.VirtualHost proto, RouteConfiguration configuration)
            throws ConfigRejected {
        var host = switch (RouteCompiler.compileVirtualHost(proto, configuration)) {
            case Compiled.Ok<VirtualHost>(VirtualHost compiled) -> compiled;
            case Compiled.Rejected<VirtualHost>(List<String> reasons) -> throw new ConfigRejected(reasons);
        };
        var unusable = PerRouteConfigs.check(host, httpFilters);
        if (!unusable.isEmpty()) {
            throw new ConfigRejected(unusable);
        }
        return host;
    }

    private void route(Update update, RouteConfiguration proto) throws ConfigRejected {
        RouteTable table = compiled(proto);
        RouteState state = routeStates.computeIfAbsent(proto.getName(), any -> new RouteState());
        RouteTable merged;
        try {
            merged = state.slot.virtualHosts.isEmpty() || !proto.hasVhds()
                    ? table
                    : table.withVirtualHosts(state.slot.virtualHosts.values(), List.of());
        } catch (IllegalArgumentException e) {
            throw new ConfigRejected(String.valueOf(e.getMessage()));
        }
        state.slot.configuration = proto;
        state.slot.base = table;
        state.slot.known = true;
        if (!proto.hasVhds()) {
            state.slot.virtualHosts.clear();
        }
        offer(proto.getName(), state, merged, update.version(), update.body());
    }

    // <route configuration>/<host>; a host's name has no slash, a route configuration's may.
    private static String routeOf(String virtualHost) throws ConfigRejected {
        int slash = virtualHost.lastIndexOf('/');
        if (slash < 0) {
            throw new ConfigRejected("\"" + virtualHost + "\" (expected: <route configuration>/<host>)");
        }
        return virtualHost.substring(0, slash);
    }

    private record Incoming(Update update, VirtualHost host) {}

    // Those of one route configuration change together: a domain may move from one to another.
    private void virtualHosts(List<Update> updates, Collection<String> removed, List<String> reasons) {
        var changedBy = new TreeMap<String, List<Incoming>>();
        var removedBy = new TreeMap<String, Set<String>>();
        for (Update update : updates) {
            try {
                String route = routeOf(update.name());
                RouteState state = routeStates.get(route);
                RouteConfiguration configuration = state == null ? null : state.slot.configuration;
                if (configuration != null && configuration.hasVhds()) { // else nobody wants it
                    var proto = unpack(update, io.envoyproxy.envoy.config.route.v3.VirtualHost.class);
                    changedBy
                            .computeIfAbsent(route, any -> new ArrayList<>())
                            .add(new Incoming(update, compiled(proto, configuration)));
                }
            } catch (ConfigRejected e) {
                refused(update, e, reasons);
            } catch (InvalidProtocolBufferException e) {
                reasons.add(update.name() + ": not a virtual host: " + e.getMessage());
            }
        }
        for (String name : removed) {
            int slash = name.lastIndexOf('/');
            if (slash >= 0) {
                removedBy
                        .computeIfAbsent(name.substring(0, slash), any -> new TreeSet<>())
                        .add(name);
            }
        }
        var routes = new TreeSet<>(changedBy.keySet());
        routes.addAll(removedBy.keySet());
        for (String route : routes) {
            RouteState state = routeStates.get(route);
            if (state != null) {
                changeHosts(
                        route,
                        state,
                        changedBy.getOrDefault(route, List.of()),
                        removedBy.getOrDefault(route, Set.of()),
                        reasons);
            }
        }
    }

    private void refused(Update update, ConfigRejected why, List<String> reasons) {
        why.reasons().forEach(reason -> reasons.add(update.name() + ": " + reason));
        failed(XdsType.VIRTUAL_HOST, update, why);
    }

    private void changeHosts(
            String route, RouteState state, List<Incoming> changed, Set<String> removed, List<String> reasons) {
        state.slot.hostsKnown = true;
        var names = new ArrayList<String>();
        for (String name : removed) {
            VirtualHost host = state.slot.virtualHosts.remove(name);
            if (host != null) {
                names.add(host.name());
            }
            forget(XdsType.VIRTUAL_HOST, name);
        }
        RouteTable current = state.waiting != null ? state.waiting : state.slot.get();
        if (current == null) {
            current = state.slot.base;
        }
        if (current == null || (changed.isEmpty() && names.isEmpty())) {
            return;
        }
        var taken = new ArrayList<Incoming>();
        RouteTable next;
        try {
            next = current.withVirtualHosts(changed.stream().map(Incoming::host).toList(), names);
            taken.addAll(changed);
        } catch (IllegalArgumentException together) {
            // One of them stands in the way; which one shows when they are added one by one.
            next = current.withVirtualHosts(List.of(), names);
            for (Incoming one : changed) {
                try {
                    next = next.withVirtualHosts(List.of(one.host), List.of());
                    taken.add(one);
                } catch (IllegalArgumentException e) {
                    refused(one.update, new ConfigRejected(String.valueOf(e.getMessage())), reasons);
                }
            }
        }
        for (Incoming one : taken) {
            state.slot.virtualHosts.put(one.update.name(), one.host);
            record(XdsType.VIRTUAL_HOST, one.update.name(), one.update.version(), one.update.body(), "");
        }
        Any body = state.waitingBody != null ? state.waitingBody : state.body;
        if (body != null) {
            offer(route, state, next, state.waiting != null ? state.waitingVersion : state.version, body);
        }
    }

    // A table goes live when no cluster it names is still warming.
    private void offer(String name, RouteState state, RouteTable table, String version, Any body) {
        if (warms(table)) {
            state.waiting = table;
            state.waitingVersion = version;
            state.waitingBody = body;
            warming(XdsType.ROUTE, name, version);
            fetchTimeout(() -> {
                if (state.waiting == table) {
                    publish(name, state);
                }
            });
        } else {
            state.waiting = table;
            state.waitingVersion = version;
            state.waitingBody = body;
            publish(name, state);
        }
    }

    private boolean warms(RouteTable table) {
        for (String cluster : table.clusterNames()) {
            ClusterState state = clusterStates.get(cluster);
            if (state != null && state.active == null && state.warming != null) {
                return true;
            }
        }
        return false;
    }

    private void publish(String name, RouteState state) {
        RouteTable next = state.waiting;
        Any body = state.waitingBody;
        if (next == null || body == null) {
            return;
        }
        state.slot.publish(next);
        state.version = state.waitingVersion;
        state.body = body;
        state.waiting = null;
        state.waitingBody = null;
        record(XdsType.ROUTE, name, state.version, body, "");
    }

    // ---- removal ----

    private void remove(XdsType type, String name) {
        Entry entry = entries.getOrDefault(type, Map.of()).get(name);
        if (entry != null && entry.isStatic()) {
            return;
        }
        switch (type) {
            case CLUSTER -> {
                if (!clusterStates.containsKey(name)) {
                    forget(type, name);
                } else if (removingClusters.add(name)) {
                    fetchTimeout(() -> {
                        if (removingClusters.remove(name)) {
                            dropCluster(name);
                        }
                    });
                }
            }
            case ENDPOINT -> {
                assignments.remove(name);
                hostsKnown(name, List.of(), AssignmentPolicy.USUAL);
                forget(type, name);
            }
            case LISTENER -> {
                if (listenerStates.remove(name) != null) {
                    listeners.remove(name);
                }
                forget(type, name);
            }
            case ROUTE -> {
                RouteState state = routeStates.get(name);
                if (state != null) {
                    state.slot.known = true;
                    state.slot.configuration = null;
                    state.slot.base = null;
                    state.waiting = null;
                    state.slot.publish(null);
                    forget(type, name);
                }
            }
            case VIRTUAL_HOST, SECRET, PUSH_COMMIT -> forget(type, name);
        }
    }

    private void dropCluster(String name) {
        ClusterState state = clusterStates.remove(name);
        if (state == null) {
            return;
        }
        clusters.remove(name);
        if (state.dns != null) {
            state.dns.cancel(false);
        }
        if (state.outliers != null) {
            state.outliers.cancel(false);
        }
        if (state.active != null) {
            state.active.remove();
            state.active.scope().remove();
        }
        forget(XdsType.CLUSTER, name);
        sweepPools.run();
    }

    // ---- settling ----

    // Activates what waited for something that has come, then tells who listens.
    private void settle() {
        PushStage staged = waiting;
        if (staged != null && closed(staged)) {
            activateStage(staged);
        }
        routeStates.forEach((name, state) -> {
            RouteTable waiting = state.waiting;
            if (waiting != null && !warms(waiting)) {
                publish(name, state);
            }
        });
        listenerStates.forEach((name, state) -> {
            if (state.warming != null && ready(state)) {
                activateLogged(name, state);
            }
        });
        if (!removingClusters.isEmpty()) {
            var named = new HashSet<String>();
            routeStates.values().forEach(state -> {
                RouteTable table = state.slot.get();
                if (table != null) {
                    named.addAll(table.clusterNames());
                }
            });
            for (String name : List.copyOf(removingClusters)) {
                if (!named.contains(name)) {
                    removingClusters.remove(name);
                    dropCluster(name);
                }
            }
        }
        forgetUnwanted();
        Observer to = observer;
        if (to != null && (!changed.isEmpty() || !gone.isEmpty())) {
            to.onApplied(List.copyOf(changed), new LinkedHashMap<>(gone));
        }
        changed.clear();
        gone.clear();
    }

    // Endpoints and routes that nothing here names any more: their subscription ends, so they would grow stale.
    private void forgetUnwanted() {
        Set<String> endpoints = wanted(XdsType.ENDPOINT);
        for (String name : List.copyOf(assignments.keySet())) {
            if (!endpoints.contains(name)) {
                assignments.remove(name);
                forget(XdsType.ENDPOINT, name);
            }
        }
        Set<String> routes = wanted(XdsType.ROUTE);
        for (String name : List.copyOf(routeStates.keySet())) {
            if (!routes.contains(name)) {
                routeStates.remove(name);
                forget(XdsType.ROUTE, name);
                String hosts = name + "/";
                for (String host : List.copyOf(of(XdsType.VIRTUAL_HOST).keySet())) {
                    if (host.startsWith(hosts) && host.lastIndexOf('/') == name.length()) {
                        forget(XdsType.VIRTUAL_HOST, host);
                    }
                }
            }
        }
    }

    private void fetchTimeout(Runnable action) {
        thread.schedule(
                () -> {
                    synchronized (this) {
                        action.run();
                        settle();
                    }
                    wantedChanged.run();
                },
                FETCH_TIMEOUT_SECONDS,
                TimeUnit.SECONDS);
    }

    private static final long FETCH_TIMEOUT_SECONDS = 15;

    private Map<String, Entry> of(XdsType type) {
        return entries.computeIfAbsent(type, any -> new TreeMap<>());
    }

    private void record(XdsType type, String name, String version, Any body, String error) {
        Entry old = of(type).get(name);
        if (old != null
                && old.version().equals(version)
                && old.error().equals(error)
                && old.warmingVersion().isEmpty()) {
            return;
        }
        var entry = new Entry(type, name, bootstrapping, version, body, Instant.now(), "", error, "");
        of(type).put(name, entry);
        changed.add(entry);
    }

    private void warming(XdsType type, String name, String version) {
        Entry old = of(type).get(name);
        var entry = old == null
                ? new Entry(type, name, bootstrapping, "", null, null, version, "", "")
                : new Entry(type, name, old.isStatic(), old.version(), old.body(), old.since(), version, "", "");
        of(type).put(name, entry);
        changed.add(entry);
    }

    private void failed(XdsType type, Update update, ConfigRejected why) {
        error(type, update.name(), update.version(), String.join("; ", why.reasons()));
    }

    private void error(XdsType type, String name, String version, String reason) {
        Entry old = of(type).get(name);
        var entry = old == null
                ? new Entry(type, name, false, "", null, null, "", reason, version)
                : new Entry(
                        type,
                        name,
                        old.isStatic(),
                        old.version(),
                        old.body(),
                        old.since(),
                        old.warmingVersion().equals(version) ? "" : old.warmingVersion(),
                        reason,
                        version);
        of(type).put(name, entry);
        changed.add(entry);
    }

    private void forget(XdsType type, String name) {
        if (of(type).remove(name) != null) {
            gone.computeIfAbsent(type, any -> new TreeSet<>()).add(name);
        }
    }
}
