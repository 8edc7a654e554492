package dev.mesh.pilot.generate;

import dev.mesh.api.networking.ClientTls;
import dev.mesh.api.networking.ConnectionPool;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.LoadBalancer;
import dev.mesh.api.networking.OutlierDetection;
import dev.mesh.api.networking.TrafficPolicy;
import dev.mesh.pilot.push.DestinationRules;
import org.jspecify.annotations.Nullable;

/// What holds for one port of one subset after all levels of a DestinationRule are laid over each other.
record Policy(
        @Nullable LoadBalancer loadBalancer,
        @Nullable ConnectionPool connectionPool,
        @Nullable OutlierDetection outlierDetection,
        @Nullable ClientTls tls) {
    static final Policy NONE = new Policy(null, null, null, null);

    /// The same without TLS.
    Policy withoutTls() {
        return tls == null ? this : new Policy(loadBalancer, connectionPool, outlierDetection, null);
    }

    /// The rule's policy, a subset's over it field by field, and a port's in place of both (Istio,
    /// "TrafficPolicy.PortTrafficPolicy": what a port leaves out has its default).
    static Policy of(DestinationRules.@Nullable Merged rule, DestinationRule.@Nullable Subset subset, int port) {
        if (rule == null) {
            return NONE;
        }
        TrafficPolicy inner = subset == null ? null : subset.trafficPolicy();
        TrafficPolicy outer = rule.policy();
        Policy portLevel = portLevel(inner, port);
        if (portLevel == null) {
            portLevel = portLevel(outer, port);
        }
        return portLevel == null ? over(inner, outer) : portLevel;
    }

    private static Policy over(@Nullable TrafficPolicy inner, @Nullable TrafficPolicy outer) {
        Policy low = outer == null
                ? NONE
                : new Policy(outer.loadBalancer(), outer.connectionPool(), outer.outlierDetection(), outer.tls());
        return inner == null
                ? low
                : new Policy(
                        inner.loadBalancer() == null ? low.loadBalancer : inner.loadBalancer(),
                        inner.connectionPool() == null ? low.connectionPool : inner.connectionPool(),
                        inner.outlierDetection() == null ? low.outlierDetection : inner.outlierDetection(),
                        inner.tls() == null ? low.tls : inner.tls());
    }

    private static @Nullable Policy portLevel(@Nullable TrafficPolicy policy, int port) {
        if (policy != null) {
            for (var setting : policy.portLevelSettings()) {
                if (setting.port() != null && setting.port().number() == port) {
                    return new Policy(
                            setting.loadBalancer(),
                            setting.connectionPool(),
                            setting.outlierDetection(),
                            setting.tls());
                }
            }
        }
        return null;
    }

    /// What requests are hashed by, or null.
    LoadBalancer.@Nullable ConsistentHash hash() {
        return loadBalancer != null
                        && loadBalancer.policy() instanceof LoadBalancer.Policy.Hash(LoadBalancer.ConsistentHash hash)
                ? hash
                : null;
    }
}
