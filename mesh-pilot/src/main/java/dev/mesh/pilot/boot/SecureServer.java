package dev.mesh.pilot.boot;

import dev.mesh.pilot.ca.Authentication;
import dev.mesh.pilot.ca.LiveCertificate;
import dev.mesh.pilot.ca.MeshTrust;
import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyServerBuilder;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/// The port for proxies, 15012: gRPC over TLS. A client certificate is optional and verified if it is there; without
/// one a token must say who is calling.
final class SecureServer implements AutoCloseable {
    // A certificate request is small, and so is what a proxy says on its streams.
    private static final int MOST_BYTES = 4 << 20;
    private static final int GRACE_SECONDS = 5;

    private final Server server;

    /// Binds at [#start].
    ///
    /// @param longest how long a connection may last, a tenth more or less; its calls end some seconds later, so
    ///     that streams do not outlive for long what has proven their caller
    SecureServer(
            InetSocketAddress address,
            LiveCertificate certificate,
            MeshTrust trust,
            Authentication authentication,
            Executor executor,
            Duration longest,
            List<BindableService> services)
            throws IOException {
        var tls = GrpcSslContexts.configure(SslContextBuilder.forServer(certificate.keyManager()), SslProvider.JDK)
                .trustManager(trust)
                .clientAuth(ClientAuth.OPTIONAL)
                .protocols("TLSv1.3", "TLSv1.2")
                .build();
        var builder = NettyServerBuilder.forAddress(address)
                .sslContext(tls)
                .executor(executor)
                .maxInboundMessageSize(MOST_BYTES)
                .maxConnectionAge(longest.toMillis(), TimeUnit.MILLISECONDS)
                .maxConnectionAgeGrace(GRACE_SECONDS, TimeUnit.SECONDS)
                .permitKeepAliveTime(10, TimeUnit.SECONDS)
                .permitKeepAliveWithoutCalls(true);
        services.forEach(service -> builder.addService(ServerInterceptors.intercept(service, authentication)));
        server = builder.build();
    }

    /// @throws IOException if the port cannot be had
    void start() throws IOException {
        server.start();
    }

    int port() {
        return server.getPort();
    }

    @Override
    public void close() {
        server.shutdownNow();
    }
}
