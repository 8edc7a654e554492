package dev.mesh.proxy.filter;

import dev.mesh.api.decide.RouteTable;
import dev.mesh.proxy.cluster.ClusterManager;
import dev.mesh.proxy.stats.Scope;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What a factory may use while it binds a configuration. Configuration thread.
public interface BindContext {
    ClusterManager clusters();

    /// The root of all statistics.
    Scope stats();

    /// Where HTTP filters count: `http.<stat_prefix>.` inside of a connection manager.
    default Scope httpStats() {
        return stats();
    }

    HttpFilterRegistry httpFilters();

    /// A route configuration that comes by RDS. The listener warms until it is there or known absent.
    ///
    /// @return its newest table at any time, from any thread; null while it is absent
    Supplier<@Nullable RouteTable> routes(String routeConfigurationName);

    /// Whether the resource came in the bootstrap (unknown clusters are then an error) or over xDS.
    boolean isStatic();

    /// The listener's `traffic_direction`.
    Direction direction();

    enum Direction {
        UNSPECIFIED,
        INBOUND,
        OUTBOUND
    }
}
