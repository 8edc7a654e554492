package dev.mesh.proxy.tls;

import java.util.Locale;
import java.util.Map;
import javax.net.ssl.SSLHandshakeException;
import org.jspecify.annotations.Nullable;

/// A failed handshake, in Envoy's words (`%UPSTREAM_TRANSPORT_FAILURE_REASON%`).
///
/// @param reason without blanks, as Envoy writes it
public record TlsFailure(Kind kind, String reason) {
    /// What went wrong, as it is counted.
    public enum Kind {
        /// The peer's certificate is not signed by a trusted authority, or not valid now.
        CHAIN("fail_verify_error"),
        /// It is for another name.
        NAME("fail_verify_san"),
        /// It is another one than that is pinned.
        HASH("fail_verify_cert_hash"),
        /// Anything else: no TLS, no version or cipher in common, an alert of the peer.
        OTHER("connection_error");

        private final String counter;

        Kind(String counter) {
            this.counter = counter;
        }

        /// Name of its counter, in Envoy's `ssl.` statistics.
        public String counter() {
            return counter;
        }
    }

    /// A connection cannot be opened, for a secret is not there yet.
    public static final class SecretMissing extends javax.net.ssl.SSLException {
        private static final long serialVersionUID = 1;

        public SecretMissing() {
            super("a secret that the TLS configuration names is not there yet");
        }
    }

    // BoringSSL's library number and reasons, as they are packed into one number.
    private static final int SSL = 16 << 24;
    private static final Map<String, Integer> CODES = Map.ofEntries(
            Map.entry("CERTIFICATE_VERIFY_FAILED", 125),
            Map.entry("WRONG_VERSION_NUMBER", 247),
            Map.entry("NO_CIPHERS_AVAILABLE", 175),
            Map.entry("UNSUPPORTED_PROTOCOL", 240),
            Map.entry("HTTP_REQUEST", 155),
            Map.entry("UNEXPECTED_MESSAGE", 223),
            Map.entry("UNEXPECTED_RECORD", 224),
            Map.entry("TLSV1_ALERT_UNKNOWN_CA", 1048),
            Map.entry("TLSV1_ALERT_PROTOCOL_VERSION", 1070),
            Map.entry("TLSV1_ALERT_INTERNAL_ERROR", 1080),
            Map.entry("TLSV1_ALERT_UNRECOGNIZED_NAME", 1112),
            Map.entry("TLSV1_ALERT_CERTIFICATE_REQUIRED", 1116),
            Map.entry("SSLV3_ALERT_HANDSHAKE_FAILURE", 1040),
            Map.entry("SSLV3_ALERT_BAD_CERTIFICATE", 1042),
            Map.entry("SSLV3_ALERT_CERTIFICATE_EXPIRED", 1045),
            Map.entry("SSLV3_ALERT_CERTIFICATE_UNKNOWN", 1046));

    /// Whether this is what was found wrong with a certificate: what caused it says less.
    public static boolean isVerdict(Throwable failure) {
        return failure instanceof PeerVerifier.Refused;
    }

    /// @return null if the failure is none of TLS
    public static @Nullable TlsFailure of(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof PeerVerifier.Refused refused) {
                return new TlsFailure(
                        refused.kind(),
                        text("CERTIFICATE_VERIFY_FAILED", ":verify cert failed: " + refused.getMessage()));
            }
        }
        if (failure instanceof SecretMissing) {
            return new TlsFailure(Kind.OTHER, "TLS_error:_Secret_is_not_supplied_by_SDS");
        }
        if (!(failure instanceof javax.net.ssl.SSLException)) {
            return null;
        }
        String said = String.valueOf(failure.getMessage());
        String upper = said.toUpperCase(Locale.ROOT).replace(' ', '_');
        for (String known : CODES.keySet()) {
            if (upper.contains(known)) {
                return new TlsFailure(Kind.OTHER, text(known, ""));
            }
        }
        if (failure instanceof io.netty.handler.ssl.NotSslRecordException) {
            return new TlsFailure(Kind.OTHER, text("WRONG_VERSION_NUMBER", ""));
        }
        String words = failure instanceof SSLHandshakeException && failure.getCause() != null
                ? said + ": " + failure.getCause().getMessage()
                : said;
        return new TlsFailure(Kind.OTHER, ("TLS_error:|" + words + ":TLS_error_end").replace(' ', '_'));
    }

    private static String text(String name, String detail) {
        return ("TLS_error:|" + (SSL + CODES.getOrDefault(name, 0)) + ":SSL routines:OPENSSL_internal:" + name + detail
                        + ":TLS_error_end")
                .replace(' ', '_');
    }
}
