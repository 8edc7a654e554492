package dev.mesh.examples.shop;

import io.grpc.BindableService;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.util.concurrent.Executors;

/// gRPC, both ends, in plaintext.
final class Rpc {
    private Rpc() {}

    /// @param port 0: any
    static Running serve(int port, BindableService service, AutoCloseable... more) throws IOException {
        var threads = Executors.newVirtualThreadPerTaskExecutor();
        Server server = NettyServerBuilder.forAddress(Web.address(port))
                .executor(threads)
                .intercept(new Trace.FromCalls())
                .addService(service)
                .build()
                .start();
        return new Running() {
            @Override
            public int port() {
                return server.getPort();
            }

            @Override
            public void close() {
                server.shutdownNow();
                threads.shutdownNow();
                Shop.closeAll(more);
            }
        };
    }

    /// Connects when first used.
    static ManagedChannel channel(String peer) {
        return NettyChannelBuilder.forTarget("dns:///" + peer).usePlaintext().build();
    }
}
