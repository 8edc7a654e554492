package dev.mesh.proxy.load;

import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.xds.XdsType;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// What a push brought and is not in effect yet. Every member was checked and found good when it came; of one
/// name only the newest counts. Configuration thread.
final class PushStage {
    private final Map<XdsType, Map<String, Loader.Update>> updates = new EnumMap<>(XdsType.class);
    private final Map<XdsType, Set<String>> removed = new EnumMap<>(XdsType.class);
    private final Map<XdsType, Set<String>> refused = new EnumMap<>(XdsType.class);
    private final Set<String> warming = new TreeSet<>();
    private final Map<String, Set<String>> routesOfListener = new TreeMap<>();
    private final Map<String, Set<String>> secretsOfListener = new TreeMap<>();
    private final Map<String, RouteTable> tables = new TreeMap<>();
    private final Map<String, RouteConfiguration> configurations = new TreeMap<>();

    boolean isEmpty() {
        return updates.values().stream().allMatch(Map::isEmpty)
                && removed.values().stream().allMatch(Set::isEmpty);
    }

    void put(XdsType type, Loader.Update update) {
        of(type).put(update.name(), update);
        gone(type).remove(update.name());
        refusedOf(type).remove(update.name());
    }

    void putListener(Loader.Update update, Set<String> routes, Set<String> secrets) {
        put(XdsType.LISTENER, update);
        secretsOfListener.put(update.name(), secrets);
        routesOfListener.put(update.name(), routes);
    }

    void putRoute(Loader.Update update, RouteTable table, RouteConfiguration configuration) {
        put(XdsType.ROUTE, update);
        tables.put(update.name(), table);
        configurations.put(update.name(), configuration);
    }

    void remove(XdsType type, String name) {
        of(type).remove(name);
        gone(type).add(name);
        switch (type) {
            case LISTENER -> {
                routesOfListener.remove(name);
                secretsOfListener.remove(name);
            }
            case ROUTE -> {
                tables.remove(name);
                configurations.remove(name);
            }
            case CLUSTER, ENDPOINT, VIRTUAL_HOST, SECRET, NAME_TABLE, PUSH_COMMIT -> {}
        }
    }

    /// A member came that is not good: what was there before it stays.
    void refuse(XdsType type, String name) {
        refusedOf(type).add(name);
    }

    /// Adds what came after this.
    void merge(PushStage newer) {
        for (XdsType type : XdsType.values()) {
            newer.removed(type).forEach(name -> remove(type, name));
            newer.updates(type).forEach(update -> put(type, update));
            newer.refusedOf(type).forEach(name -> refuse(type, name));
        }
        routesOfListener.putAll(newer.routesOfListener);
        secretsOfListener.putAll(newer.secretsOfListener);
        tables.putAll(newer.tables);
        configurations.putAll(newer.configurations);
    }

    /// A cluster of it that must be warm before the rest.
    void warms(String cluster) {
        warming.add(cluster);
    }

    Set<String> warming() {
        return warming;
    }

    @Nullable
    RouteTable table(String route) {
        return tables.get(route);
    }

    /// A copy, in the order of names.
    List<Loader.Update> updates(XdsType type) {
        return new ArrayList<>(of(type).values());
    }

    Loader.@Nullable Update update(XdsType type, String name) {
        return of(type).get(name);
    }

    /// Takes the members of a type out, for they are in effect or on their way.
    List<Loader.Update> take(XdsType type) {
        var taken = updates(type);
        of(type).clear();
        return taken;
    }

    /// Takes one member out.
    void done(XdsType type, String name) {
        of(type).remove(name);
    }

    /// A copy.
    Set<String> removed(XdsType type) {
        return new TreeSet<>(gone(type));
    }

    boolean isRefused(XdsType type, String name) {
        return refusedOf(type).contains(name);
    }

    /// Route configurations that its listeners name.
    Set<String> routes() {
        var names = new TreeSet<String>();
        routesOfListener.values().forEach(names::addAll);
        return names;
    }

    /// Secrets that its listeners name.
    Set<String> secrets() {
        var names = new TreeSet<String>();
        secretsOfListener.values().forEach(names::addAll);
        return names;
    }

    Collection<RouteTable> tables() {
        return tables.values();
    }

    @Nullable
    RouteConfiguration configuration(String route) {
        return configurations.get(route);
    }

    private Map<String, Loader.Update> of(XdsType type) {
        return updates.computeIfAbsent(type, any -> new TreeMap<>());
    }

    private Set<String> gone(XdsType type) {
        return removed.computeIfAbsent(type, any -> new TreeSet<>());
    }

    private Set<String> refusedOf(XdsType type) {
        return refused.computeIfAbsent(type, any -> new TreeSet<>());
    }
}
