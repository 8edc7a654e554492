package dev.mesh.pilot.ca;

import dev.mesh.pilot.registry.Troubles;
import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertPathValidatorException.BasicReason;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Trusts clients whose certificates lead to the mesh's roots of that moment. Thread-safe.
public final class MeshTrust extends X509ExtendedTrustManager {
    private static final Logger LOGGER = LoggerFactory.getLogger(MeshTrust.class);
    private static final int LONGEST_SHOWN = 200;

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
                String sentence = refusal(chain, e);
                LOGGER.atWarn().log("{}", sentence);
                troubles.happened("refused certificate of " + subject(chain[0]), sentence);
            }
            throw e;
        }
    }

    private String refusal(X509Certificate[] chain, CertificateException why) {
        X509Certificate leaf = chain[0];
        String whose = "refused a client's certificate (" + subject(leaf) + "): ";
        if (!isForTime(why) || !isOurs(chain)) {
            return whose + shown(String.valueOf(why.getMessage()));
        }
        try {
            leaf.checkValidity();
            return whose + shown(String.valueOf(why.getMessage()));
        } catch (CertificateExpiredException e) {
            return whose + "it ended at " + leaf.getNotAfter().toInstant()
                    + "; its proxy could not renew it in time, and gets a new one by its token when it is started anew";
        } catch (CertificateException e) {
            return whose + "it begins only at " + leaf.getNotBefore().toInstant() + "; do the clocks agree?";
        }
    }

    // The time is looked at before the signature is: whoever says that his issuer is ours may be anyone.
    private boolean isOurs(X509Certificate[] chain) {
        List<X509Certificate> trusted = roots.get();
        for (int i = 0; i < chain.length; i++) {
            X509Certificate at = chain[i];
            if (trusted.stream().anyMatch(root -> SigningMaterial.isSignedBy(at, root))) {
                return true;
            }
            if (i + 1 < chain.length && !SigningMaterial.isSignedBy(at, chain[i + 1])) {
                return false;
            }
        }
        return false;
    }

    private static boolean isForTime(Throwable why) {
        for (Throwable at = why; at != null; at = at.getCause()) {
            if (at instanceof CertPathValidatorException of
                    && (of.getReason() == BasicReason.EXPIRED || of.getReason() == BasicReason.NOT_YET_VALID)) {
                return true;
            }
        }
        return false;
    }

    // The name of a workload is a URI among the alternative names. A stranger calls himself what he likes.
    private static String subject(X509Certificate leaf) {
        try {
            var names = leaf.getSubjectAlternativeNames();
            return shown(
                    names == null || names.isEmpty()
                            ? leaf.getSubjectX500Principal().getName()
                            : String.valueOf(names.iterator().next().getLast()));
        } catch (CertificateException e) {
            return shown(leaf.getSubjectX500Principal().getName());
        }
    }

    // Short, and without what a terminal obeys or does not show.
    private static String shown(String text) {
        var shown = new StringBuilder();
        text.codePoints().limit(LONGEST_SHOWN).forEach(c -> {
            switch (Character.getType(c)) {
                case Character.CONTROL,
                        Character.FORMAT,
                        Character.SURROGATE,
                        Character.LINE_SEPARATOR,
                        Character.PARAGRAPH_SEPARATOR -> shown.append(String.format(Locale.ROOT, "\\u%04x", c));
                default -> shown.appendCodePoint(c);
            }
        });
        return text.codePointCount(0, text.length()) > LONGEST_SHOWN ? shown + "..." : shown.toString();
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
