package dev.mesh.proxy.load;

import com.google.protobuf.Any;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.HttpFilterRegistry;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import dev.mesh.proxy.listener.ListenerManager;
import dev.mesh.proxy.listener.ListenerSpec;
import dev.mesh.proxy.stats.Scope;
import io.envoyproxy.envoy.config.core.v3.TrafficDirection;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The listeners: checks them, waits for their routes, and puts them into effect. Configuration thread, under the
/// loader's lock.
final class Listeners {
    private static final Logger LOGGER = LoggerFactory.getLogger(Listeners.class);

    private final ListenerManager manager;
    private final ListenerReader reader;
    private final LiveSecrets secrets;
    private final Routes routes;
    private final LiveClusters clusters;
    private final HttpFilterRegistry httpFilters;
    private final Scope stats;
    private final Ledger ledger;
    private final Waits waits;
    private final Map<String, ListenerState> states = new TreeMap<>();

    private static final class ListenerState {
        private String activeVersion = "";
        private @Nullable Any activeBody;
        private @Nullable ListenerSpec warming;
        private String warmingVersion = "";
        private @Nullable Any warmingBody;
        private Set<String> routes = Set.of();
        private Set<String> warmingRoutes = Set.of();
        private Set<String> secrets = Set.of();
        private Set<String> warmingSecrets = Set.of();
    }

    Listeners(
            ListenerManager manager,
            List<NetworkFilterFactory> networkFilters,
            HttpFilterRegistry httpFilters,
            LiveSecrets secrets,
            Routes routes,
            LiveClusters clusters,
            Scope stats,
            Ledger ledger,
            Waits waits) {
        this.manager = manager;
        this.reader = new ListenerReader(networkFilters, secrets);
        this.secrets = secrets;
        this.httpFilters = httpFilters;
        this.routes = routes;
        this.clusters = clusters;
        this.stats = stats;
        this.ledger = ledger;
        this.waits = waits;
    }

    /// Names of the route configurations that listeners want.
    Set<String> wantedRoutes() {
        var names = new TreeSet<String>();
        states.values().forEach(state -> {
            names.addAll(state.routes);
            names.addAll(state.warmingRoutes);
        });
        return names;
    }

    /// Names of the secrets that listeners want.
    Set<String> wantedSecrets() {
        var names = new TreeSet<String>();
        states.values().forEach(state -> {
            names.addAll(state.secrets);
            names.addAll(state.warmingSecrets);
        });
        return names;
    }

    /// What a listener wants: route configurations and secrets.
    record Wants(Set<String> routes, Set<String> secrets) {}

    /// @throws ConfigRejected with every reason
    Wants check(Listener proto) throws ConfigRejected {
        var context = new Context(proto);
        ListenerSpec spec = reader.read(proto, context);
        return new Wants(context.wanted, secrets(spec));
    }

    private static Set<String> secrets(ListenerSpec spec) {
        var names = new TreeSet<String>();
        for (ListenerSpec.Chain chain : spec.chains()) {
            if (chain.tls() != null) {
                names.addAll(chain.tls().secrets());
            }
        }
        if (spec.otherwise() != null && spec.otherwise().tls() != null) {
            names.addAll(spec.otherwise().tls().secrets());
        }
        return names;
    }

    void remove(String name) {
        if (states.remove(name) != null) {
            manager.remove(name);
        }
        ledger.forget(XdsType.LISTENER, name);
    }

    /// Whether one waits for its routes.
    boolean areWarming() {
        return states.values().stream().anyMatch(state -> state.warming != null);
    }

    /// Puts those into effect whose routes have come.
    void settle() {
        states.forEach((name, state) -> {
            if (state.warming != null && ready(state)) {
                activateLogged(name, state);
            }
        });
    }

    /// Takes a listener; it is in effect when its routes are known.
    ///
    /// @throws ConfigRejected with every reason; then nothing has changed
    void listener(Loader.Update update, Listener proto) throws ConfigRejected {
        String name = proto.getName().isEmpty() ? update.name() : proto.getName();
        ListenerState state = states.get(name);
        if (state != null && update.body().equals(state.activeBody)) {
            state.warming = null;
            state.warmingRoutes = Set.of();
            state.warmingSecrets = Set.of();
            state.activeVersion = update.version();
            ledger.record(XdsType.LISTENER, name, update.version(), update.body(), "");
            return;
        }
        var context = new Context(proto);
        ListenerSpec spec = reader.read(proto, context);
        if (state == null) {
            state = new ListenerState();
            states.put(name, state);
        }
        state.warming = spec;
        state.warmingRoutes = context.wanted;
        state.warmingSecrets = secrets(spec);
        state.warmingVersion = update.version();
        state.warmingBody = update.body();
        if (ready(state)) {
            String problem = activate(name, state);
            if (problem != null) {
                state.warming = null;
                state.warmingRoutes = Set.of();
                state.warmingSecrets = Set.of();
                throw new ConfigRejected(problem);
            }
        } else {
            ledger.warming(XdsType.LISTENER, name, update.version());
            ListenerState waiting = state;
            waits.fetchTimeout(() -> {
                if (waiting.warming == spec) {
                    activateLogged(name, waiting);
                }
            });
        }
    }

    private boolean ready(ListenerState state) {
        for (String route : state.warmingRoutes) {
            if (!routes.isUsable(route)) {
                return false;
            }
        }
        return state.warmingSecrets.stream().allMatch(secrets::isSettled);
    }

    private @Nullable String activate(String name, ListenerState state) {
        ListenerSpec spec = state.warming;
        if (spec == null) {
            return null;
        }
        String problem = manager.put(spec);
        if (problem != null) {
            return problem;
        }
        state.routes = state.warmingRoutes;
        state.warmingRoutes = Set.of();
        state.secrets = state.warmingSecrets;
        state.warmingSecrets = Set.of();
        state.activeVersion = state.warmingVersion;
        state.activeBody = state.warmingBody;
        state.warming = null;
        Any body = state.activeBody;
        if (body != null) {
            ledger.record(XdsType.LISTENER, name, state.activeVersion, body, "");
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
            ledger.error(XdsType.LISTENER, name, version, problem);
        }
    }

    /// What network filters of one listener may use.
    private final class Context implements BindContext {
        private final Set<String> wanted = new TreeSet<>();
        private final Direction direction;
        private final boolean isStatic = ledger.isBootstrapping();

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
            return routes.slot(name);
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
}
