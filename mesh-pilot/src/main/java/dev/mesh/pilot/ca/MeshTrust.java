package dev.mesh.pilot.ca;

import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.function.Supplier;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;

/// Trusts clients whose certificates lead to the mesh's roots of that moment. Thread-safe.
public final class MeshTrust extends X509ExtendedTrustManager {
    private final Supplier<List<X509Certificate>> roots;
    private volatile Known known = new Known(List.of(), null);

    private record Known(
            List<X509Certificate> roots,
            @org.jspecify.annotations.Nullable X509ExtendedTrustManager manager) {}

    public MeshTrust(Supplier<List<X509Certificate>> roots) {
        this.roots = roots;
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

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        manager().checkClientTrusted(chain, authType);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        manager().checkClientTrusted(chain, authType);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        manager().checkClientTrusted(chain, authType);
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
