package dev.mesh.proxy.tls;

import java.net.Socket;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;

/// Says whether a peer's certificate is good, as Envoy's default validator does: by its authority, by its subject
/// alternative names, and by its hash. The name that is connected to counts only where the configuration says so.
final class PeerVerifier extends X509ExtendedTrustManager {
    /// Why a certificate was refused. The message is Envoy's.
    static final class Refused extends CertificateException {
        private static final long serialVersionUID = 1;
        private final TlsFailure.Kind kind;

        private Refused(TlsFailure.Kind kind, String message) {
            super(message);
            this.kind = kind;
        }

        TlsFailure.Kind kind() {
            return kind;
        }
    }

    /// @param authorities null = whoever signed it
    /// @param names one must match; empty = any name
    /// @param hashes SHA-256 of the whole certificate, in hex digits
    /// @param keyHashes SHA-256 of the public key's information, in Base64; one hash of either kind must match
    /// @param serverName whether the certificate must be for the name that SNI asked for
    record Rules(
            @Nullable X509TrustManager authorities,
            List<SanMatcher> names,
            Set<String> hashes,
            Set<String> keyHashes,
            boolean serverName) {
        boolean any() {
            return authorities != null || !names.isEmpty() || !hashes.isEmpty() || !keyHashes.isEmpty() || serverName;
        }

        /// Whether a peer without a certificate is refused whatever else is configured.
        boolean needsCertificate() {
            return !names.isEmpty() || !hashes.isEmpty() || !keyHashes.isEmpty();
        }
    }

    private final Rules rules;

    PeerVerifier(Rules rules) {
        this.rules = rules;
    }

    private interface Check {
        void run(X509TrustManager authorities) throws CertificateException;
    }

    private void verify(X509Certificate[] chain, @Nullable SSLEngine engine, Check chainCheck) throws Refused {
        X509TrustManager authorities = rules.authorities;
        if (authorities != null) {
            try {
                chainCheck.run(authorities);
            } catch (CertificateException e) {
                throw new Refused(
                        TlsFailure.Kind.CHAIN,
                        "X509_verify_cert: certificate verification error at depth 0: " + reason(e, chain));
            }
        }
        X509Certificate certificate = chain[0];
        List<SanMatcher.Name> names = SanMatcher.names(certificate);
        String asked = engine == null ? null : engine.getPeerHost();
        boolean named = rules.names.isEmpty()
                || names.stream().anyMatch(name -> rules.names.stream().anyMatch(matcher -> matcher.matches(name)));
        boolean forServer = !rules.serverName
                || (asked != null
                        && names.stream()
                                .anyMatch(name ->
                                        name.kind() == SanMatcher.DNS && SanMatcher.dnsMatches(asked, name.text())));
        if (!named || !forServer) {
            throw new Refused(
                    TlsFailure.Kind.NAME,
                    "SAN matcher, certificate SANs are ["
                            + names.stream().map(SanMatcher.Name::text).collect(Collectors.joining(", ")) + "]");
        }
        if (!rules.hashes.isEmpty() || !rules.keyHashes.isEmpty()) {
            if (!hashed(certificate)) {
                throw new Refused(TlsFailure.Kind.HASH, "cert hash and spki");
            }
        }
    }

    private boolean hashed(X509Certificate certificate) throws Refused {
        try {
            MessageDigest sha = MessageDigest.getInstance("SHA-256");
            return rules.hashes.contains(HexFormat.of().formatHex(sha.digest(certificate.getEncoded())))
                    || rules.keyHashes.contains(Base64.getEncoder()
                            .encodeToString(
                                    sha.digest(certificate.getPublicKey().getEncoded())));
        } catch (NoSuchAlgorithmException | CertificateException e) {
            throw new Refused(TlsFailure.Kind.HASH, "cert hash and spki");
        }
    }

    // In the words of OpenSSL, which who reads an access log of Envoy knows.
    private static String reason(CertificateException failure, X509Certificate[] chain) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof CertificateExpiredException) {
                return "certificate has expired";
            }
            if (cause instanceof CertificateNotYetValidException) {
                return "certificate is not yet valid";
            }
            if (cause instanceof CertPathValidatorException invalid) {
                if (invalid.getReason() == CertPathValidatorException.BasicReason.EXPIRED) {
                    return "certificate has expired";
                }
                if (invalid.getReason() == CertPathValidatorException.BasicReason.REVOKED) {
                    return "certificate revoked";
                }
                if (invalid.getReason() == CertPathValidatorException.BasicReason.UNDETERMINED_REVOCATION_STATUS) {
                    return "unable to get certificate CRL";
                }
                if (invalid.getReason() == CertPathValidatorException.BasicReason.NOT_YET_VALID) {
                    return "certificate is not yet valid";
                }
                if (invalid.getReason() == CertPathValidatorException.BasicReason.INVALID_SIGNATURE) {
                    return "certificate signature failure";
                }
            }
            if (cause instanceof CertPathBuilderException && cause.getCause() == null) {
                return chain.length == 1 && chain[0].getSubjectX500Principal().equals(chain[0].getIssuerX500Principal())
                        ? "self-signed certificate"
                        : "unable to get local issuer certificate";
            }
        }
        String said = failure.getMessage();
        return said == null ? "certificate rejected" : said;
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, @Nullable SSLEngine engine)
            throws CertificateException {
        verify(chain, engine, authorities -> authorities.checkClientTrusted(chain, authType));
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, @Nullable SSLEngine engine)
            throws CertificateException {
        verify(chain, engine, authorities -> authorities.checkServerTrusted(chain, authType));
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        checkClientTrusted(chain, authType);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        checkServerTrusted(chain, authType);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        checkClientTrusted(chain, authType, (SSLEngine) null);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        checkServerTrusted(chain, authType, (SSLEngine) null);
    }

    /// The authorities whose names a server tells its clients.
    @Override
    public X509Certificate[] getAcceptedIssuers() {
        X509TrustManager authorities = rules.authorities;
        return authorities == null ? new X509Certificate[0] : authorities.getAcceptedIssuers();
    }
}
