package dev.mesh.proxy.load;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.VirtualHost;
import dev.mesh.api.decide.compile.Compiled;
import dev.mesh.api.decide.compile.RouteCompiler;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.HttpFilterRegistry;
import dev.mesh.proxy.filter.PerRouteConfigs;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// The route configurations and their virtual hosts: checks them, waits for the clusters that they name, and puts them
/// into effect. Configuration thread, under the loader's lock.
final class Routes {
    private final HttpFilterRegistry httpFilters;
    private final Predicate<String> newClusters;
    private final Ledger ledger;
    private final Waits waits;
    private final Map<String, RouteState> states = new TreeMap<>();

    private static final class RouteState {
        private final RouteSlot slot = new RouteSlot();
        private String version = "";
        private @Nullable Any body;
        private @Nullable RouteTable waiting;
        private String waitingVersion = "";
        private @Nullable Any waitingBody;
    }

    /// @param newClusters whether a cluster waits for its first hosts
    Routes(HttpFilterRegistry httpFilters, Predicate<String> newClusters, Ledger ledger, Waits waits) {
        this.httpFilters = httpFilters;
        this.newClusters = newClusters;
        this.ledger = ledger;
        this.waits = waits;
    }

    /// Where the newest table will be; it is made if there is none.
    RouteSlot slot(String name) {
        return states.computeIfAbsent(name, any -> new RouteState()).slot;
    }

    /// Null if nobody wants it.
    @Nullable
    RouteSlot find(String name) {
        RouteState state = states.get(name);
        return state == null ? null : state.slot;
    }

    /// The newest table, or null.
    @Nullable
    RouteTable table(String name) {
        RouteSlot slot = find(name);
        return slot == null ? null : slot.get();
    }

    /// Whether route configurations are there whose virtual hosts come one by one.
    boolean wantsVirtualHosts() {
        return states.values().stream()
                .anyMatch(state -> state.slot.configuration != null && state.slot.configuration.hasVhds());
    }

    /// Whether a listener can serve by it, or without it if there is none.
    boolean isUsable(String name) {
        RouteState state = states.get(name);
        return state != null && state.slot.ready() && (state.waiting == null || state.slot.get() != null);
    }

    /// Whether all that is known of it is in effect.
    boolean isSettled(String name) {
        RouteState state = states.get(name);
        return state != null && state.slot.ready() && state.waiting == null;
    }

    /// Names of all clusters that are named.
    Set<String> clusterNames() {
        var named = new HashSet<String>();
        states.values().forEach(state -> {
            RouteTable table = state.slot.get();
            if (table != null) {
                named.addAll(table.clusterNames());
            }
        });
        return named;
    }

    /// Puts those into effect whose clusters have come.
    void settle() {
        states.forEach((name, state) -> {
            RouteTable waiting = state.waiting;
            if (waiting != null && !warms(waiting)) {
                publish(name, state);
            }
        });
    }

    /// The control plane says that there is none.
    void remove(String name) {
        RouteState state = states.get(name);
        if (state != null) {
            state.slot.known = true;
            state.slot.configuration = null;
            state.slot.base = null;
            state.waiting = null;
            state.slot.publish(null);
            ledger.forget(XdsType.ROUTE, name);
        }
    }

    /// Forgets those that nobody wants: their subscription ends, so they would grow stale.
    void forgetUnwanted(Set<String> wanted) {
        for (String name : List.copyOf(states.keySet())) {
            if (!wanted.contains(name)) {
                states.remove(name);
                ledger.forget(XdsType.ROUTE, name);
                String hosts = name + "/";
                for (String host : List.copyOf(ledger.of(XdsType.VIRTUAL_HOST).keySet())) {
                    if (host.startsWith(hosts) && host.lastIndexOf('/') == name.length()) {
                        ledger.forget(XdsType.VIRTUAL_HOST, host);
                    }
                }
            }
        }
    }

    /// @throws ConfigRejected with every reason
    RouteTable compiled(RouteConfiguration proto) throws ConfigRejected {
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

    /// @throws ConfigRejected with every reason
    VirtualHost compiled(io.envoyproxy.envoy.config.route.v3.VirtualHost proto, RouteConfiguration configuration)
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

    /// Takes a route configuration; it is in effect when the clusters it names have hosts.
    void route(Loader.Update update, RouteConfiguration proto) throws ConfigRejected {
        RouteTable table = compiled(proto);
        RouteState state = states.computeIfAbsent(proto.getName(), any -> new RouteState());
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
    static String routeOf(String virtualHost) throws ConfigRejected {
        int slash = virtualHost.lastIndexOf('/');
        if (slash < 0) {
            throw new ConfigRejected("\"" + virtualHost + "\" (expected: <route configuration>/<host>)");
        }
        return virtualHost.substring(0, slash);
    }

    private record Incoming(Loader.Update update, VirtualHost host) {}

    // Those of one route configuration change together: a domain may move from one to another.
    void virtualHosts(List<Loader.Update> updates, Collection<String> removed, List<String> reasons) {
        var changedBy = new TreeMap<String, List<Incoming>>();
        var removedBy = new TreeMap<String, Set<String>>();
        for (Loader.Update update : updates) {
            try {
                String route = routeOf(update.name());
                RouteState state = states.get(route);
                RouteConfiguration configuration = state == null ? null : state.slot.configuration;
                if (configuration != null && configuration.hasVhds()) { // else nobody wants it
                    var proto =
                            Loader.unpack(update, io.envoyproxy.envoy.config.route.v3.VirtualHost.getDefaultInstance());
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
            RouteState state = states.get(route);
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

    private void refused(Loader.Update update, ConfigRejected why, List<String> reasons) {
        why.reasons().forEach(reason -> reasons.add(update.name() + ": " + reason));
        ledger.failed(XdsType.VIRTUAL_HOST, update, why);
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
            ledger.forget(XdsType.VIRTUAL_HOST, name);
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
            ledger.record(XdsType.VIRTUAL_HOST, one.update.name(), one.update.version(), one.update.body(), "");
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
            ledger.warming(XdsType.ROUTE, name, version);
            waits.fetchTimeout(() -> {
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

    /// Whether it names a cluster that waits for its first hosts.
    boolean warms(RouteTable table) {
        return table.clusterNames().stream().anyMatch(newClusters);
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
        ledger.record(XdsType.ROUTE, name, state.version, body, "");
    }
}
