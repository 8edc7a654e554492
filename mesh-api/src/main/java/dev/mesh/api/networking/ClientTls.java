package dev.mesh.api.networking;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// TLS towards a host (`ClientTLSSettings`).
///
/// @param insecureSkipVerify null: false
public record ClientTls(
        Mode mode,
        String clientCertificate,
        String privateKey,
        String caCertificates,
        String credentialName,
        List<String> subjectAltNames,
        String sni,
        @Nullable Boolean insecureSkipVerify,
        String caCrl) {

    public enum Mode {
        DISABLE,
        SIMPLE,
        MUTUAL,
        ISTIO_MUTUAL
    }
}
