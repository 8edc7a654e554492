package dev.mesh.pilot.ca;

import java.net.Socket;
import java.security.KeyPair;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import org.jspecify.annotations.Nullable;

/// The certificate that the pilot's own servers show: signed by its own authority, renewed at half of its life, in use
/// from the next handshake on. Thread-safe.
public final class LiveCertificate {
    // A handshake that has chosen one must find its key a moment later.
    private static final int KEPT = 3;

    private final CertificateAuthority authority;
    private final List<String> names;
    private final Clock clock;
    private final Map<String, Held> held = new LinkedHashMap<>();
    private String newest = "";
    private int count;

    private record Held(List<X509Certificate> chain, PrivateKey key) {}

    /// Makes the first one.
    ///
    /// @param names DNS names of the server
    /// @throws CertificateAuthority.Refused if the signing certificate has ended
    public LiveCertificate(CertificateAuthority authority, List<String> names, Clock clock)
            throws CertificateAuthority.Refused {
        this.authority = authority;
        this.names = List.copyOf(names);
        this.clock = clock;
        renew();
    }

    /// Makes a new one, at once.
    ///
    /// @throws CertificateAuthority.Refused if the signing certificate has ended
    public final synchronized void renew() throws CertificateAuthority.Refused {
        KeyPair pair = CertificateAuthority.keyPair();
        var signed = authority.server(pair.getPublic(), names);
        newest = "certificate" + ++count;
        held.put(newest, new Held(signed.chain(), pair.getPrivate()));
        while (held.size() > KEPT) {
            held.remove(held.keySet().iterator().next());
        }
    }

    /// Makes a new one if half of the life is over. To be called now and then.
    ///
    /// @throws CertificateAuthority.Refused if it is, and none can be made
    public synchronized void renewIfDue() throws CertificateAuthority.Refused {
        Held now = held.get(newest);
        if (now == null) {
            return;
        }
        X509Certificate certificate = now.chain.getFirst();
        Instant from = certificate.getNotBefore().toInstant();
        Duration life = Duration.between(from, certificate.getNotAfter().toInstant());
        if (clock.instant().isAfter(from.plus(life.dividedBy(2)))) {
            renew();
        }
    }

    /// The one in use.
    public synchronized X509Certificate current() {
        Held now = held.get(newest);
        if (now == null) {
            throw new IllegalStateException("no certificate was made");
        }
        return now.chain.getFirst();
    }

    private synchronized String alias() {
        return newest;
    }

    private synchronized @Nullable Held held(String alias) {
        return held.get(alias);
    }

    /// Answers each handshake with the certificate of that moment.
    public X509ExtendedKeyManager keyManager() {
        return new X509ExtendedKeyManager() {
            @Override
            public String[] getServerAliases(String keyType, Principal[] issuers) {
                return new String[] {alias()};
            }

            @Override
            public String chooseServerAlias(String keyType, Principal[] issuers, Socket socket) {
                return alias();
            }

            @Override
            public String chooseEngineServerAlias(String keyType, Principal[] issuers, SSLEngine engine) {
                return alias();
            }

            @Override
            public X509Certificate @Nullable [] getCertificateChain(String alias) {
                Held found = held(alias);
                return found == null ? null : found.chain.toArray(X509Certificate[]::new);
            }

            @Override
            public @Nullable PrivateKey getPrivateKey(String alias) {
                Held found = held(alias);
                return found == null ? null : found.key;
            }

            @Override
            public String @Nullable [] getClientAliases(String keyType, Principal[] issuers) {
                return null;
            }

            @Override
            public @Nullable String chooseClientAlias(String[] keyTypes, Principal[] issuers, Socket socket) {
                return null;
            }
        };
    }
}
