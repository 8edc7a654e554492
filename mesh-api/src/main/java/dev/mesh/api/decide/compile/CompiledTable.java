package dev.mesh.api.decide.compile;

import dev.mesh.api.decide.RequestView;
import dev.mesh.api.decide.Route;
import dev.mesh.api.decide.RouteAction;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.Trace;
import dev.mesh.api.decide.VirtualHost;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// The one [RouteTable]. Virtual hosts by name in order, and an index of their domains.
final class CompiledTable implements RouteTable {
    private final String name;
    private final boolean vhds;
    private final boolean ignorePort;
    private final LinkedHashMap<String, VirtualHost> byName;
    private final DomainIndex domains;

    private CompiledTable(
            String name,
            boolean vhds,
            boolean ignorePort,
            LinkedHashMap<String, VirtualHost> byName,
            DomainIndex domains) {
        this.name = name;
        this.vhds = vhds;
        this.ignorePort = ignorePort;
        this.byName = byName;
        this.domains = domains;
    }

    /// @throws IllegalArgumentException if a domain stands in two virtual hosts
    static CompiledTable of(String name, boolean vhds, boolean ignorePort, List<VirtualHost> hosts) {
        var byName = new LinkedHashMap<String, VirtualHost>();
        hosts.forEach(host -> byName.put(host.name(), host));
        return new CompiledTable(name, vhds, ignorePort, byName, DomainIndex.EMPTY.with(hosts, List.of()));
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean vhds() {
        return vhds;
    }

    @Override
    public List<VirtualHost> virtualHosts() {
        return List.copyOf(byName.values());
    }

    @Override
    public Set<String> clusterNames() {
        var names = new TreeSet<String>();
        for (VirtualHost host : byName.values()) {
            for (Route route : host.routes()) {
                if (route.action() instanceof RouteAction.Forward forward) {
                    switch (forward.clusters()) {
                        case RouteAction.ClusterSpecifier.Single(String cluster) -> names.add(cluster);
                        case RouteAction.ClusterSpecifier.Weighted weighted ->
                            weighted.clusters().forEach(cluster -> names.add(cluster.cluster()));
                        case RouteAction.ClusterSpecifier.FromHeader ignored -> {}
                    }
                    forward.mirrors().forEach(mirror -> names.add(mirror.cluster()));
                }
            }
        }
        names.remove("");
        return names;
    }

    @Override
    public @Nullable VirtualHost virtualHost(String authority, @Nullable Trace trace) {
        String host = authority;
        if (ignorePort) {
            int colon = host.lastIndexOf(':');
            if (colon > 0 && colon > host.lastIndexOf(']')) {
                host = host.substring(0, colon);
            }
        }
        VirtualHost found = domains.find(host);
        if (trace != null) {
            if (found == null) {
                trace.passedOver(
                        Trace.Stage.VIRTUAL_HOST,
                        name,
                        "no virtual host of " + byName.size() + " has a domain for " + authority);
            } else {
                trace.taken(
                        Trace.Stage.VIRTUAL_HOST,
                        found.name(),
                        "authority " + authority + " is one of its domains " + found.domains());
            }
        }
        return found;
    }

    @Override
    public @Nullable Route route(VirtualHost host, RequestView request, RandomGenerator random, @Nullable Trace trace) {
        List<Route> routes = host.routes();
        for (int i = 0; i < routes.size(); i++) {
            Route route = routes.get(i);
            boolean matches = route.match().matches(request, random);
            if (trace != null) {
                String label = route.name().isEmpty() ? host.name() + "[" + i + "]" : route.name();
                if (matches) {
                    trace.taken(Trace.Stage.ROUTE, label, route.match().explain(request));
                } else {
                    trace.passedOver(Trace.Stage.ROUTE, label, route.match().explain(request));
                }
            }
            if (matches) {
                return route;
            }
        }
        return null;
    }

    @Override
    public RouteTable withVirtualHosts(Collection<VirtualHost> changed, Collection<String> removedNames) {
        var next = new LinkedHashMap<>(byName);
        var gone = new java.util.ArrayList<VirtualHost>();
        for (String removed : removedNames) {
            VirtualHost old = next.remove(removed);
            if (old != null) {
                gone.add(old);
            }
        }
        for (VirtualHost host : changed) {
            VirtualHost old = next.put(host.name(), host);
            if (old != null) {
                gone.add(old);
            }
        }
        return new CompiledTable(name, vhds, ignorePort, next, domains.with(changed, gone));
    }

    /// Finds the virtual host of an authority: exact, longest suffix wildcard, longest prefix wildcard, `*`.
    private static final class DomainIndex {
        private static final DomainIndex EMPTY = new DomainIndex(Map.of(), Map.of(), Map.of(), null);

        private final Map<String, VirtualHost> exact;
        // Without the star, longest first.
        private final Map<String, VirtualHost> suffixes;
        private final Map<String, VirtualHost> prefixes;
        private final @Nullable VirtualHost any;

        private DomainIndex(
                Map<String, VirtualHost> exact,
                Map<String, VirtualHost> suffixes,
                Map<String, VirtualHost> prefixes,
                @Nullable VirtualHost any) {
            this.exact = exact;
            this.suffixes = suffixes;
            this.prefixes = prefixes;
            this.any = any;
        }

        private DomainIndex with(Collection<VirtualHost> added, Collection<VirtualHost> removed) {
            var nextExact = new java.util.HashMap<>(exact);
            var nextSuffixes = new java.util.TreeMap<String, VirtualHost>(LONGEST_FIRST);
            nextSuffixes.putAll(suffixes);
            var nextPrefixes = new java.util.TreeMap<String, VirtualHost>(LONGEST_FIRST);
            nextPrefixes.putAll(prefixes);
            VirtualHost nextAny = any;
            for (VirtualHost host : removed) {
                for (String domain : host.domains()) {
                    if (domain.equals("*")) {
                        nextAny = null;
                    } else if (domain.startsWith("*")) {
                        nextSuffixes.remove(domain.substring(1));
                    } else if (domain.endsWith("*")) {
                        nextPrefixes.remove(domain.substring(0, domain.length() - 1));
                    } else {
                        nextExact.remove(domain);
                    }
                }
            }
            for (VirtualHost host : added) {
                for (String domain : host.domains()) {
                    VirtualHost other;
                    if (domain.equals("*")) {
                        other = nextAny;
                        nextAny = host;
                    } else if (domain.startsWith("*")) {
                        other = nextSuffixes.put(domain.substring(1), host);
                    } else if (domain.endsWith("*")) {
                        other = nextPrefixes.put(domain.substring(0, domain.length() - 1), host);
                    } else {
                        other = nextExact.put(domain, host);
                    }
                    if (other != null) {
                        throw new IllegalArgumentException("domain " + domain + " stands in virtual hosts "
                                + other.name() + " and " + host.name() + " (expected: in one)");
                    }
                }
            }
            return new DomainIndex(nextExact, nextSuffixes, nextPrefixes, nextAny);
        }

        private static final java.util.Comparator<String> LONGEST_FIRST = java.util.Comparator.comparingInt(
                        String::length)
                .reversed()
                .thenComparing(java.util.Comparator.naturalOrder());

        private @Nullable VirtualHost find(String authority) {
            String host = lowerCase(authority);
            VirtualHost found = exact.get(host);
            if (found != null) {
                return found;
            }
            for (var entry : suffixes.entrySet()) {
                if (host.length() > entry.getKey().length() && host.endsWith(entry.getKey())) {
                    return entry.getValue();
                }
            }
            for (var entry : prefixes.entrySet()) {
                if (host.length() > entry.getKey().length() && host.startsWith(entry.getKey())) {
                    return entry.getValue();
                }
            }
            return any;
        }

        // Hosts come in lower case nearly always: then there is nothing to make.
        private static String lowerCase(String text) {
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                if (c >= 'A' && c <= 'Z') {
                    return text.toLowerCase(Locale.ROOT);
                }
            }
            return text;
        }
    }
}
