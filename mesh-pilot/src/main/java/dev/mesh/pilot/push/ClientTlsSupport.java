package dev.mesh.pilot.push;

import dev.mesh.api.networking.ClientTls;
import dev.mesh.pilot.model.CredentialName;
import org.jspecify.annotations.Nullable;

/// Which TLS towards a host can be given.
public final class ClientTlsSupport {
    private ClientTlsSupport() {}

    /// Whether the mode asks for something that cannot be given: then there is no traffic at all.
    ///
    /// @param mayHaveCredential whether the client may be given a Secret for it: a gateway, or a sidecar that the
    ///     rule selects (Istio gives it to those alone, for all others could not have it)
    public static boolean refuses(@Nullable ClientTls tls, boolean mayHaveCredential) {
        if (tls == null) {
            return false;
        }
        boolean named = !tls.credentialName().isEmpty();
        boolean credential = named
                && mayHaveCredential
                && CredentialName.of(tls.credentialName()).isKnown();
        return switch (tls.mode()) {
            case DISABLE -> false;
            case SIMPLE -> named && !credential;
            case MUTUAL -> named ? !credential : tls.clientCertificate().isEmpty();
            case ISTIO_MUTUAL -> true;
        };
    }
}
