package dev.mesh.pilot.ca;

import dev.mesh.api.identity.SpiffeId;
import dev.mesh.api.proto.istio.auth.IstioCertificateServiceGrpc;
import dev.mesh.pilot.model.Caller;
import dev.mesh.pilot.registry.Troubles;
import dev.mesh.pilot.serve.Callers;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.util.Date;
import java.util.List;
import java.util.function.Consumer;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Lets no call in whose caller has proven no identity: by a client certificate of the mesh, which the TLS handshake
/// has verified, or else by a bearer token.
public final class Authentication implements ServerInterceptor {
    private static final Logger LOGGER = LoggerFactory.getLogger(Authentication.class);
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private static final String BEARER = "bearer ";
    private static final int URI_NAME = 6;

    private final TokenReviewer tokens;
    private final String trustDomain;
    private final Clock clock;
    private final IssuanceCounts counts;
    private final Accounts accounts;
    private final Troubles troubles;

    /// @param counts told of each request for a certificate that is refused here
    /// @param accounts who is of none of them proves nothing by a certificate from when he was
    /// @param troubles told whom it refused
    public Authentication(
            TokenReviewer tokens,
            String trustDomain,
            Clock clock,
            IssuanceCounts counts,
            Accounts accounts,
            Troubles troubles) {
        this.tokens = tokens;
        this.trustDomain = trustDomain;
        this.clock = clock;
        this.counts = counts;
        this.accounts = accounts;
        this.troubles = troubles;
    }

    @Override
    public <Q, R> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
        try {
            Caller caller = byCertificate(call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION));
            if (caller == null) {
                caller = byToken(headers.get(AUTHORIZATION));
            }
            if (!accounts.exists(caller.identity())) {
                throw new TokenReviewer.Invalid("there is no service account "
                        + caller.identity().namespace() + "/"
                        + caller.identity().serviceAccount() + " (any more), whose identity the caller has proven");
            }
            return Contexts.interceptCall(Context.current().withValue(Callers.CALLER, caller), call, headers, next);
        } catch (Unidentified e) {
            count(call, IssuanceCounts::unidentified);
            return refuse(call, Status.UNAUTHENTICATED.withDescription(e.getMessage()));
        } catch (TokenReviewer.Invalid e) {
            count(call, IssuanceCounts::unauthenticated);
            return refuse(call, Status.UNAUTHENTICATED.withDescription(e.getMessage()));
        } catch (TokenReviewer.Unavailable e) {
            count(call, IssuanceCounts::unauthenticated);
            return refuse(call, Status.UNAVAILABLE.withDescription(e.getMessage()));
        }
    }

    private void count(ServerCall<?, ?> call, Consumer<IssuanceCounts> what) {
        if (call.getMethodDescriptor()
                .getFullMethodName()
                .equals(IstioCertificateServiceGrpc.getCreateCertificateMethod().getFullMethodName())) {
            counts.request();
            what.accept(counts);
        }
    }

    // The certificate is one of ours, and names nobody.
    private static final class Unidentified extends Exception {
        private static final long serialVersionUID = 1;

        Unidentified(String sentence) {
            super(sentence, null, false, false);
        }
    }

    private <Q, R> ServerCall.Listener<Q> refuse(ServerCall<Q, R> call, Status status) {
        LOGGER.atWarn()
                .addKeyValue("method", call.getMethodDescriptor().getFullMethodName())
                .addKeyValue("peer", call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR))
                .log("refused: {}", status.getDescription());
        String peer = peer(call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR));
        troubles.happened("refused " + peer, "refused a call of " + peer + ": " + status.getDescription());
        call.close(status, new Metadata());
        return new ServerCall.Listener<>() {};
    }

    // Without its port, which is another one each time.
    private static String peer(@Nullable SocketAddress address) {
        return address instanceof InetSocketAddress internet
                ? internet.getAddress().getHostAddress()
                : String.valueOf(address);
    }

    private @Nullable Caller byCertificate(@Nullable SSLSession session) throws TokenReviewer.Invalid, Unidentified {
        if (session == null) {
            return null;
        }
        Certificate[] chain;
        try {
            chain = session.getPeerCertificates();
        } catch (SSLPeerUnverifiedException e) {
            return null; // it has shown none
        }
        if (chain.length == 0 || !(chain[0] instanceof X509Certificate certificate)) {
            return null;
        }
        try {
            // The handshake has seen to that once; a connection may be older than its certificate.
            certificate.checkValidity(Date.from(clock.instant()));
        } catch (CertificateException e) {
            throw new TokenReviewer.Invalid("the certificate is not valid now: " + e.getMessage());
        }
        SpiffeId identity = identity(certificate);
        if (!identity.trustDomain().equals(trustDomain)) {
            throw new TokenReviewer.Invalid("the certificate is of trust domain \"" + identity.trustDomain()
                    + "\" (expected: \"" + trustDomain + "\")");
        }
        return new Caller(identity);
    }

    // One URI and no more: X.509-SVID, section 2.
    private static SpiffeId identity(X509Certificate certificate) throws Unidentified {
        try {
            var names = certificate.getSubjectAlternativeNames();
            List<String> uris = names == null
                    ? List.of()
                    : names.stream()
                            .filter(name -> name.getFirst() instanceof Integer kind && kind == URI_NAME)
                            .map(name -> String.valueOf(name.getLast()))
                            .toList();
            if (uris.size() != 1) {
                throw new Unidentified(
                        "the certificate has " + uris.size() + " URI names (expected: one, its SPIFFE ID)");
            }
            return SpiffeId.parse(uris.getFirst());
        } catch (CertificateParsingException | IllegalArgumentException e) {
            throw new Unidentified("the certificate names no identity: " + e.getMessage());
        }
    }

    private Caller byToken(@Nullable String header) throws TokenReviewer.Invalid, TokenReviewer.Unavailable {
        if (header == null || !header.regionMatches(true, 0, BEARER, 0, BEARER.length())) {
            throw new TokenReviewer.Invalid(
                    "no identity: neither a client certificate of the mesh nor a bearer token came with the call");
        }
        return tokens.review(header.substring(BEARER.length()).strip());
    }
}
