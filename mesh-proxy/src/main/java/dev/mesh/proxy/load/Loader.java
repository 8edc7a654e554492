package dev.mesh.proxy.load;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.mesh.api.decide.RouteAction;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.VirtualHost;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.cluster.ClusterReader;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.HttpFilterRegistry;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import dev.mesh.proxy.listener.ListenerManager;
import dev.mesh.proxy.stats.Scope;
import dev.mesh.proxy.tls.Secrets;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The one place where configuration becomes active: takes what comes in pushes, whole or piece by piece, and hands it
/// to
/// the rooms that check it and put it into effect. Configuration thread only, but for the dumps.
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

    private final Ledger ledger = new Ledger();
    private final Clusters clusters;
    private final Routes routes;
    private final Listeners listeners;
    private final LiveSecrets secrets;
    private final ScheduledExecutorService thread;
    private @Nullable Observer observer;

    // Pushes of a control plane that says where they end: one comes in, one waits for its closure.
    private PushStage incoming = new PushStage();
    private @Nullable PushStage waiting;
    private String committed = "";
    private String waitingPush = "";
    private volatile String inEffect = "";
    private Runnable wantedChanged = () -> {};

    /// @param own secrets that clusters and listeners may name
    /// @param fetches whether there is a control plane to ask for others
    /// @param thread the configuration thread
    /// @param sweepPools called when hosts or clusters went
    public Loader(
            ListenerManager listeners,
            List<NetworkFilterFactory> networkFilters,
            HttpFilterRegistry httpFilters,
            Secrets own,
            boolean fetches,
            Scope stats,
            ScheduledExecutorService thread,
            Runnable sweepPools) {
        this.thread = thread;
        var waits = new Waits() {
            @Override
            public void fetchTimeout(Runnable action) {
                Loader.this.fetchTimeout(action);
            }

            @Override
            public void exclusively(Runnable action) {
                synchronized (Loader.this) {
                    action.run();
                    settle();
                }
            }
        };
        secrets = new LiveSecrets(own, fetches, ledger);
        clusters = new Clusters(stats, secrets, ledger, thread, sweepPools, waits);
        routes = new Routes(httpFilters, clusters::isNew, ledger, waits);
        this.listeners = new Listeners(
                listeners, networkFilters, httpFilters, secrets, routes, clusters.live(), stats, ledger, waits);
    }

    public LiveClusters clusters() {
        return clusters.live();
    }

    /// The proxy's own secrets and those that the control plane has given it.
    public Secrets secrets() {
        return secrets;
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
            case ENDPOINT -> names.addAll(clusters.wantedAssignments());
            case ROUTE -> {
                names.addAll(listeners.wantedRoutes());
                PushStage staged = waiting;
                if (staged != null) {
                    names.addAll(staged.routes());
                }
            }
            case SECRET -> {
                names.addAll(secrets.wanted(clusters.wantedSecrets()));
                names.addAll(secrets.wanted(listeners.wantedSecrets()));
                PushStage staged = waiting;
                if (staged != null) {
                    names.addAll(secrets.wanted(staged.secrets()));
                }
            }
            case CLUSTER, LISTENER, VIRTUAL_HOST, NAME_TABLE, PUSH_COMMIT -> {}
        }
        return names;
    }

    /// Whether route configurations are there whose virtual hosts come one by one.
    public synchronized boolean wantsVirtualHosts() {
        return routes.wantsVirtualHosts();
    }

    /// Everything that is known of every resource.
    public synchronized List<Entry> dump() {
        return ledger.dump();
    }

    /// The newest table of a route configuration, or null.
    public synchronized @Nullable RouteTable routeTable(String name) {
        return routes.table(name);
    }

    /// Loads static resources: anything wrong is an error.
    ///
    /// @throws ConfigRejected with every reason
    public synchronized void loadStatic(List<Cluster> staticClusters, List<Listener> staticListeners)
            throws ConfigRejected {
        ledger.bootstrapping(true);
        var reasons = new ArrayList<String>();
        for (int i = 0; i < staticClusters.size(); i++) {
            var cluster = staticClusters.get(i);
            try {
                clusters.cluster(new Update(cluster.getName(), "", Packed.pack(cluster)), cluster);
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
                listeners.listener(new Update(listener.getName(), "", Packed.pack(listener)), listener);
            } catch (ConfigRejected e) {
                int at = i;
                e.reasons()
                        .forEach(reason -> reasons.add(
                                "static_resources.listeners[" + at + "] (" + listener.getName() + ")." + reason));
            }
        }
        ledger.bootstrapping(false);
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
        settle();
    }

    /// Whether all that came is in effect or refused: no listener waits for its routes, and no push for its end.
    public synchronized boolean isSettled() {
        return waiting == null && incoming.isEmpty() && !listeners.areWarming();
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
            routes.virtualHosts(good, removed, reasons);
        } else {
            good.forEach(update -> guarded(type, update, reasons));
            var toRemove = new TreeSet<>(removed);
            if (complete) {
                ledger.of(type).values().forEach(entry -> {
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
            ledger.failed(type, update, e);
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
        // Secrets first: what names them uses them for its next handshake.
        for (Update update : staged.take(XdsType.SECRET)) {
            late(XdsType.SECRET, update, staged);
        }
        staged.removed(XdsType.SECRET).forEach(secrets::gone);
        // Clusters next, each with the endpoints that came along.
        for (Update update : staged.take(XdsType.CLUSTER)) {
            staged.warms(update.name());
            late(XdsType.CLUSTER, update, staged);
        }
        for (String name : wanted(XdsType.ENDPOINT)) {
            Update endpoints = staged.update(XdsType.ENDPOINT, name);
            if (endpoints != null && !clusters.hasAssignment(name)) {
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
                    ledger.warming(type, update.name(), update.version());
                }
            } catch (ConfigRejected e) {
                e.reasons().forEach(reason -> reasons.add(update.name() + ": " + reason));
                ledger.failed(type, update, e);
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
                clusters.check(unpack(update, Cluster.getDefaultInstance()));
                incoming.put(type, update);
            }
            case ENDPOINT -> {
                ClusterReader.hosts(
                        unpack(update, ClusterLoadAssignment.getDefaultInstance()), ClusterReader.Resolver.LITERALS);
                incoming.put(type, update);
            }
            case LISTENER -> {
                Listeners.Wants wants = listeners.check(unpack(update, Listener.getDefaultInstance()));
                incoming.putListener(update, wants.routes(), wants.secrets());
            }
            case ROUTE -> {
                RouteConfiguration proto = unpack(update, RouteConfiguration.getDefaultInstance());
                incoming.putRoute(update, routes.compiled(proto), proto);
            }
            case VIRTUAL_HOST -> {
                String route = Routes.routeOf(update.name());
                RouteConfiguration configuration = incoming.configuration(route);
                if (configuration == null && waiting != null) {
                    configuration = waiting.configuration(route);
                }
                RouteSlot slot = routes.find(route);
                if (configuration == null && slot != null) {
                    configuration = slot.configuration;
                }
                if (configuration != null) {
                    routes.compiled(
                            unpack(update, io.envoyproxy.envoy.config.route.v3.VirtualHost.getDefaultInstance()),
                            configuration);
                }
                incoming.put(type, update);
            }
            case SECRET -> {
                LiveSecrets.check(unpack(update, Secret.getDefaultInstance()));
                incoming.put(type, update);
            }
            case NAME_TABLE, PUSH_COMMIT -> {}
        }
    }

    // Whether everything is there that the listeners and routes of a push need.
    private boolean closed(PushStage staged) {
        for (String name : staged.warming()) {
            if (clusters.isWarming(name)) {
                return false;
            }
        }
        if (staged.tables().stream().anyMatch(routes::warms)) {
            return false;
        }
        for (String name : staged.routes()) {
            if (!routes.isSettled(name)
                    && staged.update(XdsType.ROUTE, name) == null
                    && !staged.isRefused(XdsType.ROUTE, name)) {
                return false;
            }
        }
        for (String name : staged.secrets()) {
            if (!secrets.isSettled(name)) {
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
            String missing = table == null || routes.table(update.name()) == null
                    ? null
                    : refusedOf(table.clusterNames(), staged);
            if (missing == null) {
                late(XdsType.ROUTE, update, staged);
            } else {
                heldBack(XdsType.ROUTE, update, missing);
            }
        }
        var reasons = new ArrayList<String>();
        routes.virtualHosts(heldBack(staged), staged.removed(XdsType.VIRTUAL_HOST), reasons);
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
                RouteSlot slot = routes.find(Routes.routeOf(update.name()));
                RouteConfiguration configuration = slot == null ? null : slot.configuration;
                if (slot != null && configuration != null && slot.virtualHosts.containsKey(update.name())) {
                    var proto = unpack(update, io.envoyproxy.envoy.config.route.v3.VirtualHost.getDefaultInstance());
                    missing = refusedOf(clusterNames(routes.compiled(proto, configuration)), staged);
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
        ledger.error(
                type,
                update.name(),
                update.version(),
                "names cluster \"" + cluster + "\", which was refused; the last good version stays");
    }

    private @Nullable String refusedOf(Set<String> names, PushStage staged) {
        for (String name : names) {
            if (staged.isRefused(XdsType.CLUSTER, name) && !clusters.knows(name)) {
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
            return unpack(endpoints, ClusterLoadAssignment.getDefaultInstance()).getEndpointsList().stream()
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
            case CLUSTER -> clusters.cluster(update, unpack(update, Cluster.getDefaultInstance()));
            case ENDPOINT -> clusters.endpoints(update, unpack(update, ClusterLoadAssignment.getDefaultInstance()));
            case LISTENER -> listeners.listener(update, unpack(update, Listener.getDefaultInstance()));
            case ROUTE -> routes.route(update, unpack(update, RouteConfiguration.getDefaultInstance()));
            case VIRTUAL_HOST -> throw new IllegalStateException("virtual hosts come together");
            case SECRET -> secrets.put(update, unpack(update, Secret.getDefaultInstance()));
            case NAME_TABLE, PUSH_COMMIT -> {}
        }
    }

    static <T extends Message> T unpack(Update update, T prototype) throws InvalidProtocolBufferException {
        return Packed.unpack(update.body(), prototype);
    }

    // ---- removal ----

    private void remove(XdsType type, String name) {
        if (ledger.isStatic(type, name)) {
            return;
        }
        switch (type) {
            case CLUSTER -> clusters.remove(name);
            case ENDPOINT -> clusters.removeAssignment(name);
            case LISTENER -> listeners.remove(name);
            case ROUTE -> routes.remove(name);
            case SECRET -> secrets.gone(name);
            case VIRTUAL_HOST, NAME_TABLE, PUSH_COMMIT -> ledger.forget(type, name);
        }
    }

    // ---- settling ----

    // Activates what waited for something that has come, then tells who listens.
    private void settle() {
        PushStage staged = waiting;
        if (staged != null && closed(staged)) {
            activateStage(staged);
        }
        clusters.settle();
        routes.settle();
        listeners.settle();
        if (clusters.isRemoving()) {
            clusters.removeUnnamed(routes.clusterNames());
        }
        clusters.forgetUnwanted();
        routes.forgetUnwanted(wanted(XdsType.ROUTE));
        secrets.forgetUnwanted(wanted(XdsType.SECRET));
        ledger.tell(observer);
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
}
