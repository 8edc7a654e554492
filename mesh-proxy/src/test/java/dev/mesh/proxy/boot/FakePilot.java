package dev.mesh.proxy.boot;

import dev.mesh.api.proto.istio.auth.IstioCertificateRequest;
import dev.mesh.api.proto.istio.auth.IstioCertificateResponse;
import dev.mesh.api.proto.istio.auth.IstioCertificateServiceGrpc;
import dev.mesh.proxy.identity.CertificateAuthority;
import dev.mesh.proxy.identity.SigningAuthority;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.ByteArrayInputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.jspecify.annotations.Nullable;

/// A pilot in the test's own process: one port with TLS where certificates are signed for whoever has the token, and
/// configuration is served to whoever has a certificate or the token.
final class FakePilot implements AutoCloseable {
    /// One call, as it was made.
    ///
    /// @param serial of the client's certificate; null = it showed none
    record Call(
            String method, String authorization, @Nullable String serial, List<String> names) {}

    private final SigningAuthority authority;
    private final FakeControlPlane plane;
    private final int port;
    private final List<Call> calls = new ArrayList<>();
    private volatile String token = "first-token";

    /// @param name in its certificate
    /// @param port 0 = a free one
    FakePilot(SigningAuthority authority, String name, int port) throws Exception {
        this.authority = authority;
        X509Bundle server = authority.server(name);
        var tls = GrpcSslContexts.configure(
                        SslContextBuilder.forServer(server.getKeyPair().getPrivate(), server.getCertificatePath()))
                .trustManager(new ByteArrayInputStream(authority.root().getBytes(StandardCharsets.US_ASCII)))
                .clientAuth(ClientAuth.OPTIONAL)
                .build();
        plane = new FakeControlPlane(
                NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), port))
                        .sslContext(tls)
                        .addService(new Signing())
                        .intercept(new Guard()));
        this.port = plane.port();
    }

    FakeControlPlane plane() {
        return plane;
    }

    int port() {
        return port;
    }

    /// The one token that is accepted.
    void accept(String only) {
        token = only;
    }

    /// Calls of a method, by the last part of its name.
    synchronized List<Call> calls(String method) {
        return calls.stream()
                .filter(call -> call.method().endsWith("/" + method))
                .toList();
    }

    private final class Guard implements ServerInterceptor {
        @Override
        public <Q, A> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
            String bearer = headers.get(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER));
            X509Certificate peer = peer(call);
            synchronized (FakePilot.this) {
                calls.add(new Call(
                        call.getMethodDescriptor().getFullMethodName(),
                        String.valueOf(bearer),
                        peer == null ? null : peer.getSerialNumber().toString(),
                        names(peer)));
            }
            boolean signing = call.getMethodDescriptor().getFullMethodName().endsWith("/CreateCertificate");
            if (!("Bearer " + token).equals(bearer) && (signing || peer == null)) {
                call.close(Status.UNAUTHENTICATED.withDescription("the token is not that of this pod"), new Metadata());
                return new ServerCall.Listener<>() {};
            }
            return next.startCall(call, headers);
        }

        private static @Nullable X509Certificate peer(ServerCall<?, ?> call) {
            var session = call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
            try {
                return session == null ? null : (X509Certificate) session.getPeerCertificates()[0];
            } catch (SSLPeerUnverifiedException e) {
                return null;
            }
        }

        private static List<String> names(@Nullable X509Certificate peer) {
            try {
                return peer == null
                        ? List.of()
                        : peer.getSubjectAlternativeNames().stream()
                                .map(one -> String.valueOf(one.get(1)))
                                .toList();
            } catch (java.security.cert.CertificateParsingException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private final class Signing extends IstioCertificateServiceGrpc.IstioCertificateServiceImplBase {
        @Override
        public void createCertificate(
                IstioCertificateRequest request, StreamObserver<IstioCertificateResponse> responses) {
            try {
                responses.onNext(IstioCertificateResponse.newBuilder()
                        .addAllCertChain(
                                authority.sign(request.getCsr(), Duration.ofSeconds(request.getValidityDuration())))
                        .build());
                responses.onCompleted();
            } catch (CertificateAuthority.Unsigned e) {
                responses.onError(
                        Status.UNAVAILABLE.withDescription(e.getMessage()).asRuntimeException());
            }
        }
    }

    @Override
    public void close() {
        plane.close();
    }
}
