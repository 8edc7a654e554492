package dev.mesh.proxy.filter;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.decide.Route;
import dev.mesh.api.decide.RouteAction.ClusterSpecifier;
import dev.mesh.api.decide.RouteAction.Forward;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.VirtualHost;
import dev.mesh.api.decide.compile.Packed;
import io.envoyproxy.envoy.config.route.v3.FilterConfig;
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
                    && forward.clusters() instanceof ClusterSpecifier.Weighted weighted) {
                for (int j = 0; j < weighted.clusters().size(); j++) {
                    one(
                            weighted.clusters().get(j).perFilterConfig(),
                            "virtual host \"" + host.name() + "\" routes[" + i + "].route.weighted_clusters.clusters["
                                    + j + "]",
                            filters,
                            reasons);
                }
            }
        }
        return new ArrayList<>(reasons);
    }

    /// What a `envoy.config.route.v3.FilterConfig` holds, and anything else as it is.
    ///
    /// @throws ConfigRejected if it asks for what is not supported
    public static Any unwrap(Any config) throws ConfigRejected {
        if (!Packed.is(config, FilterConfig.getDefaultInstance())) {
            return config;
        }
        var wrapper = wrapper(config);
        if (wrapper.getDisabled()) {
            throw new ConfigRejected("disabled: not supported");
        }
        return wrapper.getConfig();
    }

    private static boolean isOptional(Any config) throws ConfigRejected {
        return Packed.is(config, FilterConfig.getDefaultInstance())
                && wrapper(config).getIsOptional();
    }

    private static FilterConfig wrapper(Any config) throws ConfigRejected {
        try {
            return Packed.unpack(config, FilterConfig.getDefaultInstance());
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected("not a FilterConfig: " + e.getMessage());
        }
    }

    private static void one(
            Map<String, Any> configs, String path, HttpFilterRegistry filters, LinkedHashSet<String> reasons) {
        configs.forEach((name, config) -> {
            String at = path + ".typed_per_filter_config[" + name + "]";
            try {
                Any own = unwrap(config);
                var factory = filters.findPerRoute(own.getTypeUrl());
                if (factory != null) {
                    factory.bindPerRoute(own);
                } else if (!isOptional(config)) {
                    reasons.add(at + ": no filter takes \"" + own.getTypeUrl() + "\"");
                }
            } catch (ConfigRejected e) {
                e.reasons().forEach(reason -> reasons.add(at + "." + reason));
            }
        });
    }
}
