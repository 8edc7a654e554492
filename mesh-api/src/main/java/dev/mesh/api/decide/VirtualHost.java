package dev.mesh.api.decide;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// A compiled `envoy.config.route.v3.VirtualHost`.
///
/// @param domains as configured, lower case
/// @param routes first match wins
/// @param requireTls what plain HTTP gets: nothing, or a redirect to https
public record VirtualHost(
        String name,
        List<String> domains,
        List<Route> routes,
        RequireTls requireTls,
        @Nullable Provenance provenance) {
    public VirtualHost {
        domains = List.copyOf(domains);
        routes = List.copyOf(routes);
    }

    public enum RequireTls {
        NONE,
        EXTERNAL_ONLY,
        ALL
    }
}
