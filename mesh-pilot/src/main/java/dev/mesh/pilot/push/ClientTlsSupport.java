package dev.mesh.pilot.push;

import dev.mesh.api.networking.ClientTls;
import org.jspecify.annotations.Nullable;

/// Which TLS towards a host can be given.
public final class ClientTlsSupport {
    private ClientTlsSupport() {}

    /// Whether the mode asks for something that cannot be given: then there is no traffic at all.
    public static boolean refuses(@Nullable ClientTls tls) {
        if (tls == null) {
            return false;
        }
        return switch (tls.mode()) {
            case DISABLE -> false;
            case SIMPLE -> !tls.credentialName().isEmpty();
            case MUTUAL ->
                !tls.credentialName().isEmpty() || tls.clientCertificate().isEmpty();
            case ISTIO_MUTUAL -> true;
        };
    }
}
