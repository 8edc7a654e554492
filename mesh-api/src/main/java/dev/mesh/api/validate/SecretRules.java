package dev.mesh.api.validate;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.k8s.Secret;
import dev.mesh.api.pem.Pem;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;

/// Secrets that are for TLS. No message holds what is in them.
final class SecretRules {
    private static final String STAPLE = "tls.ocsp-staple";

    private final Check check;

    SecretRules(Check check) {
        this.check = check;
    }

    void check(Secret secret) {
        int pair = secret.pair();
        if (pair >= 0) {
            pair(secret, Secret.CHAINS.get(pair), Secret.KEYS.get(pair));
        } else {
            half(secret);
        }
        int authorities = secret.authorities();
        if (authorities >= 0) {
            certificate(secret, Secret.AUTHORITIES.get(authorities));
        }
        for (int i = 0; i < Secret.REVOCATIONS.size(); i++) {
            revocations(secret, i, i == authorities);
        }
        if (secret.has(STAPLE)) {
            check.add(Finding.Code.NOT_HONOURED, path(secret, STAPLE), "not honoured yet");
        }
    }

    // One without the other is surely not meant.
    private void half(Secret secret) {
        boolean tls = secret.type().equals(Secret.TLS);
        for (int i = 0; i < Secret.CHAINS.size(); i++) {
            String chain = Secret.CHAINS.get(i);
            String key = Secret.KEYS.get(i);
            boolean expected = tls && chain.equals("tls.crt");
            if (secret.has(chain) || secret.has(key) || expected) {
                String missing = secret.has(chain) ? key : chain;
                check.error("data", missing + " is missing (expected: " + chain + " and " + key + ", in PEM)");
                return;
            }
        }
    }

    private void pair(Secret secret, String chainKey, String keyKey) {
        X509Certificate certificate = certificate(secret, chainKey);
        try {
            byte[] key = secret.bytes(keyKey);
            if (key != null) {
                var read = Pem.privateKey(key, new char[0]);
                if (certificate != null) {
                    Pem.checkBelongs(read, certificate);
                }
            }
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            check.error(path(secret, keyKey), e.getMessage() + " (expected: the certificate's private key, in PEM)");
        }
    }

    // Istio reads each beside the certificates of its own kind alone.
    private void revocations(Secret secret, int at, boolean used) {
        String key = Secret.REVOCATIONS.get(at);
        if (!secret.has(key)) {
            return;
        }
        if (!used) {
            check.add(
                    Finding.Code.LIKELY_MISTAKE,
                    path(secret, key),
                    "has no effect (expected: beside " + Secret.AUTHORITIES.get(at)
                            + ", the certificates whose authorities have revoked)");
            return;
        }
        try {
            byte[] pem = secret.bytes(key);
            if (pem != null) {
                Pem.revocationLists(pem);
            }
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            check.error(
                    path(secret, key), e.getMessage() + " (expected: one revocation list of every authority, in PEM)");
        }
    }

    private @org.jspecify.annotations.Nullable X509Certificate certificate(Secret secret, String key) {
        try {
            byte[] pem = secret.bytes(key);
            return pem == null ? null : Pem.certificates(pem).getFirst();
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            check.error(path(secret, key), e.getMessage() + " (expected: certificates in PEM)");
            return null;
        }
    }

    private static String path(Secret secret, String key) {
        return (secret.stringData().containsKey(key) ? "stringData" : "data") + "[" + key + "]";
    }
}
