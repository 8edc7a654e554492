package dev.mesh.pilot.ca;

import dev.mesh.pilot.registry.Troubles;
import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.function.Supplier;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Trusts clients whose certificates lead to the mesh's roots of that moment. Thread-safe.
public final class MeshTrust extends X509ExtendedTrustManager {
    private static final Logger LOGGER = LoggerFactory.getLogger(MeshTrust.class);

    private final Supplier<List<X509Certificate>> roots;
    private final Troubles troubles;
    private volatile Known known = new Known(List.of(), null);

    private record Known(
            List<X509Certificate> roots,
            @org.jspecify.annotations.Nullable X509ExtendedTrustManager manager) {}

    /// @param troubles told whom it refused
    public MeshTrust(Supplier<List<X509Certificate>> roots, Troubles troubles) {
        this.roots = roots;
        this.troubles = troubles;
    }

    private X509ExtendedTrustManager manager() throws CertificateException {
        Known now = known;
        List<X509Certificate> wanted = roots.get();
        if (now.manager != null && now.roots.equals(wanted)) {
            return now.manager;
        }
        try {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            for (int i = 0; i < wanted.size(); i++) {
                store.setCertificateEntry("root" + i, wanted.get(i));
            }
            var factory = TrustManagerFactory.getInstance("PKIX");
            factory.init(store);
            var made = (X509ExtendedTrustManager) factory.getTrustManagers()[0];
            known = new Known(wanted, made);
            return made;
        } catch (GeneralSecurityException | IOException e) {
            throw new CertificateException("the mesh's roots cannot be used: " + e.getMessage(), e);
        }
    }

    private void check(X509Certificate[] chain, String authType) throws CertificateException {
        try {
            manager().checkClientTrusted(chain, authType);
        } catch (CertificateException e) {
            if (chain.length > 0) {
                String sentence = refusal(chain[0], e);
                LOGGER.atWarn().log("{}", sentence);
                troubles.happened("refused certificate of " + subject(chain[0]), sentence);
            }
            throw e;
        }
    }

    private static String refusal(X509Certificate leaf, CertificateException why) {
        String whose = "refused a client's certificate (" + subject(leaf) + "): ";
        try {
            leaf.checkValidity();
            return whose + why.getMessage();
        } catch (CertificateExpiredException e) {
            return whose + "it ended at " + leaf.getNotAfter().toInstant()
                    + "; its proxy could not renew it in time, and gets a new one by its token when it is started anew";
        } catch (CertificateException e) {
            return whose + "it begins only at " + leaf.getNotBefore().toInstant() + "; do the clocks agree?";
        }
    }

    // The name of a workload is a URI among the alternative names.
    private static String subject(X509Certificate leaf) {
        try {
            var names = leaf.getSubjectAlternativeNames();
            return names == null || names.isEmpty()
                    ? leaf.getSubjectX500Principal().getName()
                    : String.valueOf(names.iterator().next().getLast());
        } catch (CertificateException e) {
            return leaf.getSubjectX500Principal().getName();
        }
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        check(chain, authType);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        check(chain, authType);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        check(chain, authType);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        throw new CertificateException("this is a server");
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        throw new CertificateException("this is a server");
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        throw new CertificateException("this is a server");
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
        return new X509Certificate[0]; // clients choose without a list
    }
}
