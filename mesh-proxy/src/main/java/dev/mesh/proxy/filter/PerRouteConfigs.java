package dev.mesh.proxy.filter;

import com.google.protobuf.Any;
import dev.mesh.api.decide.Route;
import dev.mesh.api.decide.RouteAction.ClusterSpecifier;
import dev.mesh.api.decide.RouteAction.Forward;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.VirtualHost;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/// Checks `typed_per_filter_config` when routes are loaded, so that no request finds out that it is unusable.
public final class PerRouteConfigs {
    private PerRouteConfigs() {}

    /// @return every reason why a part cannot be used; empty if all can
    public static List<String> check(RouteTable table, HttpFilterRegistry filters) {
        var reasons = new LinkedHashSet<String>();
        for (VirtualHost host : table.virtualHosts()) {
            reasons.addAll(check(host, filters));
        }
        return List.copyOf(reasons);
    }

    /// The same, for one virtual host.
    public static List<String> check(VirtualHost host, HttpFilterRegistry filters) {
        var reasons = new LinkedHashSet<String>(); // routes of one host often share what stands above them
        for (int i = 0; i < host.routes().size(); i++) {
            Route route = host.routes().get(i);
            if (!route.perFilterConfig().isEmpty()) {
                one(
                        route.perFilterConfig(),
                        "virtual host \"" + host.name() + "\" routes[" + i + "]",
                        filters,
                        reasons);
            }
            if (route.action() instanceof Forward forward
                    && forward.clusters() instanceof ClusterSpecifier.Weighted weighted
                    && weighted.clusters().stream()
                            .anyMatch(cluster -> !cluster.perFilterConfig().isEmpty())) {
                reasons.add("virtual host \"" + host.name() + "\" routes[" + i
                        + "].route.weighted_clusters: typed_per_filter_config is not supported here (expected: on the"
                        + " route or the virtual host)");
            }
        }
        return new ArrayList<>(reasons);
    }

    private static void one(
            Map<String, Any> configs, String path, HttpFilterRegistry filters, LinkedHashSet<String> reasons) {
        configs.forEach((name, config) -> {
            String at = path + ".typed_per_filter_config[" + name + "]";
            var factory = filters.findPerRoute(config.getTypeUrl());
            if (factory == null) {
                reasons.add(at + ": no filter takes \"" + config.getTypeUrl() + "\"");
                return;
            }
            try {
                factory.bindPerRoute(config);
            } catch (ConfigRejected e) {
                e.reasons().forEach(reason -> reasons.add(at + "." + reason));
            }
        });
    }
}
