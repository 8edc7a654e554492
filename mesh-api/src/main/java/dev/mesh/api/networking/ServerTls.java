package dev.mesh.api.networking;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// TLS of a listener (`ServerTLSSettings`).
public record ServerTls(
        boolean httpsRedirect,
        Mode mode,
        String serverCertificate,
        String privateKey,
        String caCertificates,
        String caCrl,
        List<TlsCertificate> tlsCertificates,
        String credentialName,
        List<String> credentialNames,
        String caCertCredentialName,
        List<String> subjectAltNames,
        List<String> verifyCertificateSpki,
        List<String> verifyCertificateHash,
        Version minProtocolVersion,
        Version maxProtocolVersion,
        List<String> cipherSuites,
        List<String> ecdhCurves,
        @Nullable Boolean insecureSkipVerify) {

    public enum Mode {
        PASSTHROUGH,
        SIMPLE,
        MUTUAL,
        AUTO_PASSTHROUGH,
        ISTIO_MUTUAL,
        OPTIONAL_MUTUAL
    }

    public enum Version {
        TLS_AUTO,
        TLSV1_0,
        TLSV1_1,
        TLSV1_2,
        TLSV1_3
    }

    public record TlsCertificate(String serverCertificate, String privateKey, String caCertificates) {}
}
