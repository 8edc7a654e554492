package dev.mesh.api.k8s;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Unused;
import dev.mesh.api.shape.Whole;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A Kubernetes Secret: certificates and keys for TLS, by the keys that Kubernetes gives them, or by Istio's own.
///
/// @param type such as `kubernetes.io/tls`
/// @param data key → Base64
/// @param stringData key → text, as people write it; goes before `data`
@Whole
@Unused(Unused.ANY)
public record Secret(String type, Map<String, String> data, Map<String, String> stringData) implements Spec {
    /// The type whose keys are `tls.crt` and `tls.key`.
    public static final String TLS = "kubernetes.io/tls";

    /// Keys of a certificate chain in PEM; the first that there is counts, together with its private key (Istio,
    /// `extractKeyAndCert`).
    public static final List<String> CHAINS = List.of("cert", "tls.crt");
    /// Keys of its private key, by the same positions.
    public static final List<String> KEYS = List.of("key", "tls.key");
    /// Keys of certificates to trust; the first that there is counts.
    public static final List<String> AUTHORITIES = List.of("cacert", "ca.crt");
    /// Keys of the revocation lists that go with them, by the same positions.
    public static final List<String> REVOCATIONS = List.of("crl", "ca.crl");

    /// Null if it is not there.
    ///
    /// @throws IllegalArgumentException if it is not Base64; never with what it is
    public byte @Nullable [] bytes(String key) {
        String text = stringData.get(key);
        if (text != null) {
            return text.getBytes(StandardCharsets.UTF_8);
        }
        String encoded = data.get(key);
        if (encoded == null || encoded.isEmpty()) {
            return null;
        }
        try {
            return Base64.getMimeDecoder().decode(encoded);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("not Base64", e);
        }
    }

    /// Position in [#CHAINS] and [#KEYS] of the pair that counts; -1 if there is none.
    public int pair() {
        for (int i = 0; i < CHAINS.size(); i++) {
            if (has(CHAINS.get(i)) && has(KEYS.get(i))) {
                return i;
            }
        }
        return -1;
    }

    /// Position in [#AUTHORITIES] and [#REVOCATIONS] of the certificates to trust that count; -1 if there are none.
    public int authorities() {
        for (int i = 0; i < AUTHORITIES.size(); i++) {
            if (has(AUTHORITIES.get(i))) {
                return i;
            }
        }
        return -1;
    }

    /// Whether there is something under a key.
    public boolean has(String key) {
        return !stringData.getOrDefault(key, "").isEmpty()
                || !data.getOrDefault(key, "").isEmpty();
    }

    /// Without what is secret.
    @Override
    public String toString() {
        return "Secret[type=" + type + ", keys=" + data.keySet() + stringData.keySet() + "]";
    }
}
