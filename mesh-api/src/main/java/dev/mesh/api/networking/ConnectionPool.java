package dev.mesh.api.networking;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// Limits on connections and requests (`ConnectionPoolSettings`). A limit of 0 is unset.
public record ConnectionPool(@Nullable Tcp tcp, @Nullable Http http) {

    public record Tcp(
            int maxConnections,
            @Nullable Duration connectTimeout,
            @Nullable TcpKeepalive tcpKeepalive,
            @Nullable Duration maxConnectionDuration,
            @Nullable Duration idleTimeout) {}

    public record TcpKeepalive(
            int probes, @Nullable Duration time, @Nullable Duration interval) {}

    public record Http(
            int http1MaxPendingRequests,
            int http2MaxRequests,
            int maxRequestsPerConnection,
            int maxRetries,
            @Nullable Duration idleTimeout,
            H2UpgradePolicy h2UpgradePolicy,
            boolean useClientProtocol,
            int maxConcurrentStreams,
            @Nullable Http2KeepAlive http2KeepAlive) {}

    public enum H2UpgradePolicy {
        DEFAULT,
        DO_NOT_UPGRADE,
        UPGRADE
    }

    public record Http2KeepAlive(
            @Nullable Duration interval, @Nullable Duration timeout) {}
}
