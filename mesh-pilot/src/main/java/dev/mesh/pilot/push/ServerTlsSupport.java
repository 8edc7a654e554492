package dev.mesh.pilot.push;

import dev.mesh.api.networking.ServerTls;
import dev.mesh.pilot.model.CredentialName;
import dev.mesh.pilot.model.NamedCredentials;

/// Which TLS of a gateway's server can be given.
public final class ServerTlsSupport {
    private ServerTlsSupport() {}

    /// Why it cannot be given; empty if it can.
    public static String refusal(ServerTls tls) {
        for (String written : NamedCredentials.certificates(tls)) {
            if (!CredentialName.of(written).isKnown()) {
                return "credentialName \"" + written + "\" is not honoured (expected: the name of a Secret,"
                        + " namespace/name, or kubernetes-gateway://namespace/name)";
            }
        }
        return switch (tls.mode()) {
            case PASSTHROUGH, SIMPLE, MUTUAL, OPTIONAL_MUTUAL -> "";
            case AUTO_PASSTHROUGH, ISTIO_MUTUAL -> tls.mode() + " is not honoured yet";
        };
    }
}
