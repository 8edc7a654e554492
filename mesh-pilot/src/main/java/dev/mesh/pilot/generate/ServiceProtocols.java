package dev.mesh.pilot.generate;

import dev.mesh.pilot.model.ServiceInfo.Protocol;
import java.util.Locale;

/// The protocol names of Istio's ports.
final class ServiceProtocols {
    private ServiceProtocols() {}

    static Protocol of(String written) {
        return switch (written.toUpperCase(Locale.ROOT)) {
            case "HTTP2", "GRPC" -> Protocol.HTTP2;
            case "HTTP", "GRPC-WEB" -> Protocol.HTTP;
            case "TLS", "HTTPS" -> Protocol.TLS;
            default -> Protocol.TCP;
        };
    }
}
