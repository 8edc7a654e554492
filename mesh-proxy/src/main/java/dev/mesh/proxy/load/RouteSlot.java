package dev.mesh.proxy.load;

import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.VirtualHost;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The place of one route configuration: listeners hold it, updates replace what is in it.
final class RouteSlot implements Supplier<@Nullable RouteTable> {
    private volatile @Nullable RouteTable table;

    /// As it came by RDS, without the hosts that come by VHDS.
    @Nullable
    RouteConfiguration configuration;

    /// Of VHDS, by resource name.
    final Map<String, VirtualHost> virtualHosts = new LinkedHashMap<>();

    /// The table of the configuration alone.
    @Nullable
    RouteTable base;

    /// Whether the control plane has said anything: the configuration, or that there is none.
    boolean known;

    /// Whether its virtual hosts have been heard of, where they come one by one.
    boolean hostsKnown;

    @Override
    public @Nullable RouteTable get() {
        return table;
    }

    void publish(@Nullable RouteTable next) {
        table = next;
    }

    boolean ready() {
        RouteConfiguration current = configuration;
        return known && (current == null || !current.hasVhds() || hostsKnown);
    }
}
