package dev.mesh.pilot.generate;

import dev.mesh.api.networking.LoadBalancer;
import io.envoyproxy.envoy.config.route.v3.RouteAction;

/// What requests are hashed by. Static and pure.
final class HashProtos {
    private HashProtos() {}

    static void put(LoadBalancer.ConsistentHash hash, RouteAction.Builder action) {
        if (hash.key() == null) {
            return;
        }
        var policy = RouteAction.HashPolicy.newBuilder();
        switch (hash.key()) {
            case LoadBalancer.HashKey.Header(String name) ->
                policy.setHeader(RouteAction.HashPolicy.Header.newBuilder().setHeaderName(name));
            case LoadBalancer.HashKey.Cookie(LoadBalancer.HttpCookie from) -> {
                var cookie = RouteAction.HashPolicy.Cookie.newBuilder()
                        .setName(from.name())
                        .setPath(from.path());
                if (from.ttl() != null) {
                    cookie.setTtl(ClusterProtos.duration(from.ttl()));
                }
                policy.setCookie(cookie);
            }
            case LoadBalancer.HashKey.SourceIp(boolean use) -> {
                if (!use) {
                    return;
                }
                policy.setConnectionProperties(
                        RouteAction.HashPolicy.ConnectionProperties.newBuilder().setSourceIp(true));
            }
            case LoadBalancer.HashKey.QueryParameter(String name) ->
                policy.setQueryParameter(
                        RouteAction.HashPolicy.QueryParameter.newBuilder().setName(name));
        }
        action.addHashPolicy(policy);
    }
}
