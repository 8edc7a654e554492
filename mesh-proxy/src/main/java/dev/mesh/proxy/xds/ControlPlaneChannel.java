package dev.mesh.proxy.xds;

import dev.mesh.proxy.tls.TlsFailure;
import dev.mesh.proxy.tls.UpstreamTls;
import io.grpc.CallCredentials;
import io.grpc.ClientInterceptor;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.ssl.ApplicationProtocolNegotiator;
import io.netty.handler.ssl.SslContext;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSessionContext;
import org.jspecify.annotations.Nullable;

/// Opens gRPC channels to a control plane, plain or over TLS by an Envoy transport socket.
public final class ControlPlaneChannel {
    private ControlPlaneChannel() {}

    /// TLS to a control plane: the first of these whose secrets are there is used, for each connection anew.
    ///
    /// @param ways each speaks `h2`; at least one
    public record Tls(List<UpstreamTls> ways) {
        public Tls {
            ways = List.copyOf(ways);
        }

        private SslContext now() {
            for (UpstreamTls way : ways) {
                SslContext context = way.context("h2");
                if (context != null) {
                    return context;
                }
            }
            throw new NoSecret();
        }
    }

    /// A connection cannot be opened, since there is nothing to verify the control plane by.
    public static final class NoSecret extends IllegalStateException {
        private static final long serialVersionUID = 1;

        private NoSecret() {
            super("the authority that the control plane is verified by cannot be read");
        }
    }

    /// @param tls null = plaintext
    /// @param credentials sent with each call, over TLS only; null = none
    public static ManagedChannel open(String host, int port, @Nullable Tls tls, @Nullable CallCredentials credentials) {
        var builder = NettyChannelBuilder.forAddress(host, port)
                .maxInboundMessageSize(256 << 20)
                .keepAliveTime(30, TimeUnit.SECONDS);
        if (tls == null) {
            builder.usePlaintext();
        } else {
            String name = tls.ways().getFirst().sni(host);
            if (!name.isEmpty()) {
                builder.overrideAuthority(name + ":" + port);
            }
            builder.sslContext(new Following(tls));
            if (credentials != null) {
                builder.intercept(with(credentials));
            }
        }
        return builder.build();
    }

    /// Why a call failed: what gRPC says, and the innermost reason that a person has a use for.
    public static String reason(Throwable failure) {
        String words = String.valueOf(failure.getMessage());
        String last = "";
        for (Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
            if (cause.getMessage() != null) {
                last = cause.getMessage();
            }
            if (TlsFailure.isVerdict(cause)) {
                break;
            }
        }
        return last.isEmpty() || words.contains(last) ? words : words + ": " + last;
    }

    private static ClientInterceptor with(CallCredentials credentials) {
        return new ClientInterceptor() {
            @Override
            public <Q, A> io.grpc.ClientCall<Q, A> interceptCall(
                    io.grpc.MethodDescriptor<Q, A> method, io.grpc.CallOptions options, io.grpc.Channel next) {
                return next.newCall(method, options.withCallCredentials(credentials));
            }
        };
    }

    /// Makes each connection with the secrets as they are then.
    private static final class Following extends SslContext {
        private final Tls tls;

        private Following(Tls tls) {
            this.tls = tls;
        }

        @Override
        public SSLEngine newEngine(ByteBufAllocator allocator) {
            return tls.now().newEngine(allocator);
        }

        @Override
        public SSLEngine newEngine(ByteBufAllocator allocator, String peerHost, int peerPort) {
            return tls.now().newEngine(allocator, peerHost, peerPort);
        }

        @Override
        public boolean isClient() {
            return true;
        }

        @Override
        public List<String> cipherSuites() {
            return tls.now().cipherSuites();
        }

        @Override
        @SuppressWarnings("deprecation") // what grpc-java looks at
        public ApplicationProtocolNegotiator applicationProtocolNegotiator() {
            return () -> List.of("h2");
        }

        @Override
        public SSLSessionContext sessionContext() {
            return tls.now().sessionContext();
        }
    }
}
