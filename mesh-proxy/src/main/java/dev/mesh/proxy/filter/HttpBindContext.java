package dev.mesh.proxy.filter;

import dev.mesh.api.decide.RouteTable;
import dev.mesh.proxy.cluster.ClusterManager;
import dev.mesh.proxy.stats.Scope;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What HTTP filters of one connection manager get.
///
/// @param httpStats `http.<stat_prefix>.`
public record HttpBindContext(BindContext listener, Scope httpStats) implements BindContext {
    @Override
    public ClusterManager clusters() {
        return listener.clusters();
    }

    @Override
    public Scope stats() {
        return listener.stats();
    }

    @Override
    public HttpFilterRegistry httpFilters() {
        return listener.httpFilters();
    }

    @Override
    public Supplier<@Nullable RouteTable> routes(String routeConfigurationName) {
        return listener.routes(routeConfigurationName);
    }

    @Override
    public boolean isStatic() {
        return listener.isStatic();
    }

    @Override
    public Direction direction() {
        return listener.direction();
    }
}
