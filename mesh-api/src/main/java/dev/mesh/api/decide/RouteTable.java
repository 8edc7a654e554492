package dev.mesh.api.decide;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// A compiled route configuration: finds the virtual host by authority (exact, then longest suffix
/// wildcard, then longest prefix wildcard, then `*`) and in it the first route that matches
/// (`envoy.config.route.v3.RouteConfiguration`). Immutable; the `with` methods return a changed copy at a
/// cost of the virtual hosts changed, for VHDS.
public interface RouteTable {
    String name();

    /// Whether virtual hosts also come one by one (VHDS).
    boolean vhds();

    List<VirtualHost> virtualHosts();

    /// Clusters that any route may name, in order; without those read from headers.
    Set<String> clusterNames();

    @Nullable
    VirtualHost virtualHost(String authority, @Nullable Trace trace);

    /// The first matching route of the virtual host.
    @Nullable
    Route route(VirtualHost host, RequestView request, RandomGenerator random, @Nullable Trace trace);

    /// Replaces virtual hosts of equal name, adds the others, and takes away the removed ones.
    ///
    /// @throws IllegalArgumentException if a domain would stand in two virtual hosts; says which
    RouteTable withVirtualHosts(Collection<VirtualHost> changed, Collection<String> removedNames);
}
