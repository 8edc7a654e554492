package dev.mesh.pilot.ca;

import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/// What certificates are signed with.
///
/// @param chain the signing certificate first, then what leads from it to a root, without the root unless the signing
///     certificate is it
/// @param roots that the mesh trusts; the one that `chain` leads to is among them
/// @param origin where it came from, for people
public record SigningMaterial(List<X509Certificate> chain, PrivateKey key, List<X509Certificate> roots, String origin) {
    public SigningMaterial {
        chain = List.copyOf(chain);
        roots = List.copyOf(roots);
    }

    /// Never with the key.
    @Override
    public String toString() {
        return origin + " (" + signer().getSubjectX500Principal() + ", until "
                + signer().getNotAfter().toInstant() + ")";
    }

    public X509Certificate signer() {
        return chain.getFirst();
    }

    /// The trusted roots, as PEM.
    public String rootsPem() {
        return Pems.text(roots);
    }

    /// Checks that the parts belong together.
    ///
    /// @param certificate PEM of the signing certificate
    /// @param chain PEM of what leads to the root, may be empty; the signing certificate may stand first in it
    /// @throws IllegalArgumentException with a sentence
    public static SigningMaterial of(String certificate, String key, String chain, String roots, String origin) {
        var path = new ArrayList<X509Certificate>();
        path.add(Pems.certificates(certificate, origin + " certificate").getFirst());
        List<X509Certificate> trusted = Pems.certificates(roots, origin + " root certificate");
        if (!chain.isBlank()) {
            for (X509Certificate next : Pems.certificates(chain, origin + " certificate chain")) {
                if (!path.contains(next) && !trusted.contains(next)) {
                    path.add(next);
                }
            }
        }
        PrivateKey secret = Pems.key(key, origin + " key");
        X509Certificate signer = path.getFirst();
        if (!Pems.areOne(secret, signer.getPublicKey())) {
            throw new IllegalArgumentException(origin + ": the key is not the one of the certificate");
        }
        if (signer.getBasicConstraints() < 0) {
            throw new IllegalArgumentException(origin + ": the certificate may not sign others (expected: CA:TRUE)");
        }
        X509Certificate last = path.getLast();
        if (trusted.stream().noneMatch(root -> isSignedBy(last, root))) {
            throw new IllegalArgumentException(origin + ": the certificate does not lead to the root certificate");
        }
        for (int i = 0; i + 1 < path.size(); i++) {
            if (!isSignedBy(path.get(i), path.get(i + 1))) {
                throw new IllegalArgumentException(
                        origin + ": certificate " + (i + 1) + " of the chain is not signed by the next one");
            }
        }
        return new SigningMaterial(path, secret, trusted, origin);
    }

    /// Those of the roots that the chain leads to.
    public List<X509Certificate> anchors() {
        X509Certificate last = chain.getLast();
        return roots.stream().filter(root -> isSignedBy(last, root)).toList();
    }

    /// Whether it has ended, or not begun.
    public boolean isOutOfTime(Instant now) {
        return now.isAfter(signer().getNotAfter().toInstant())
                || now.isBefore(signer().getNotBefore().toInstant());
    }

    static boolean isSignedBy(X509Certificate certificate, X509Certificate by) {
        try {
            certificate.verify(by.getPublicKey());
            return certificate.getIssuerX500Principal().equals(by.getSubjectX500Principal());
        } catch (GeneralSecurityException e) {
            return false;
        }
    }
}
