package dev.mesh.api.networking;

import dev.mesh.api.shape.Required;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Load balancing, connection pool, outlier detection and TLS for a host (`istio.networking.v1.TrafficPolicy`).
public record TrafficPolicy(
        @Nullable LoadBalancer loadBalancer,
        @Nullable ConnectionPool connectionPool,
        @Nullable OutlierDetection outlierDetection,
        @Nullable ClientTls tls,
        List<PortTrafficPolicy> portLevelSettings,
        @Nullable Tunnel tunnel,
        @Nullable ProxyProtocol proxyProtocol,
        @Nullable RetryBudget retryBudget) {

    /// Replaces the policy of the whole host for one port, as a whole.
    public record PortTrafficPolicy(
            @Nullable PortSelector port,
            @Nullable LoadBalancer loadBalancer,
            @Nullable ConnectionPool connectionPool,
            @Nullable OutlierDetection outlierDetection,
            @Nullable ClientTls tls) {}

    /// @param protocol `CONNECT` or `POST`; empty: `CONNECT`
    public record Tunnel(
            String protocol,
            @Required String targetHost,
            @Required int targetPort) {}

    public record ProxyProtocol(ProxyProtocolVersion version) {}

    public enum ProxyProtocolVersion {
        V1,
        V2
    }

    /// @param percent of active requests that may be retries, 0 to 100; null: 20
    /// @param minRetryConcurrency always allowed
    public record RetryBudget(
            @Nullable Double percent,
            int minRetryConcurrency,
            @Nullable Duration budgetInterval) {}
}
