package dev.mesh.pilot.push;

import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.ServerTls;
import java.util.Locale;

/// What a gateway's server does with its connections.
public enum GatewayKind {
    /// Routes requests in plaintext.
    HTTP,
    /// Ends TLS, then routes requests or connections; or passes TLS on by server name.
    TLS,
    /// Passes connections on.
    TCP;

    public static GatewayKind of(Gateway.Server server) {
        return switch (server.port().protocol().toUpperCase(Locale.ROOT)) {
            case "HTTPS", "TLS" -> TLS;
            case "HTTP", "HTTP2", "GRPC", "GRPC-WEB" -> HTTP;
            default -> server.tls() == null ? TCP : TLS;
        };
    }

    /// Whether requests are routed after TLS was ended.
    public static boolean isHttps(Gateway.Server server) {
        return server.port().protocol().equalsIgnoreCase("HTTPS")
                && server.tls() != null
                && server.tls().mode() != ServerTls.Mode.PASSTHROUGH;
    }
}
