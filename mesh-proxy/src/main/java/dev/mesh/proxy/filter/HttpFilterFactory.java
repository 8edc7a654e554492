package dev.mesh.proxy.filter;

import com.google.protobuf.Any;
import org.jspecify.annotations.Nullable;

/// Makes HTTP filters of one kind. One factory per kind, listed in the composition root.
public interface HttpFilterFactory {
    String typeUrl();

    /// Type URL of its per-route configuration, or null if it takes none.
    @Nullable
    String perRouteTypeUrl();

    boolean terminal();

    /// Checks `config` once, at load, on the configuration thread; what it returns is immutable and shared.
    HttpFilter.Bound bind(Any config, BindContext context) throws ConfigRejected;

    /// Checks a per-route configuration of this filter; what it returns is handed to the filter by
    /// [HttpFilterContext#perRouteConfig].
    Object bindPerRoute(Any config) throws ConfigRejected;
}
