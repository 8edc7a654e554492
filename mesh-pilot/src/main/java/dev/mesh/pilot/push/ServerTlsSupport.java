package dev.mesh.pilot.push;

import dev.mesh.api.networking.ServerTls;

/// Which TLS of a gateway's server can be given.
public final class ServerTlsSupport {
    private ServerTlsSupport() {}

    /// Why it cannot be given; empty if it can.
    public static String refusal(ServerTls tls) {
        if (!tls.credentialName().isEmpty() || !tls.credentialNames().isEmpty()) {
            return "certificates from secrets (credentialName) are not honoured yet; serverCertificate and privateKey"
                    + " name files";
        }
        return switch (tls.mode()) {
            case PASSTHROUGH, SIMPLE, MUTUAL, OPTIONAL_MUTUAL -> "";
            case AUTO_PASSTHROUGH, ISTIO_MUTUAL -> tls.mode() + " is not honoured yet";
        };
    }
}
