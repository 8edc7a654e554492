package dev.mesh.proxy.tls;

import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/// Who a peer is by the certificate that it proved to own.
public final class PeerIdentity {
    private PeerIdentity() {}

    /// The first URI among its names, else the first DNS name, else the subject.
    ///
    /// @return null if it has shown no certificate
    public static @Nullable String of(SSLSession session) {
        Certificate[] chain;
        try {
            chain = session.getPeerCertificates();
        } catch (SSLPeerUnverifiedException e) {
            return null;
        }
        if (chain.length == 0 || !(chain[0] instanceof X509Certificate certificate)) {
            return null;
        }
        List<SanMatcher.Name> names = SanMatcher.names(certificate);
        for (int kind : new int[] {SanMatcher.URI, SanMatcher.DNS}) {
            for (SanMatcher.Name name : names) {
                if (name.kind() == kind) {
                    return name.text();
                }
            }
        }
        return certificate.getSubjectX500Principal().getName();
    }
}
