package dev.mesh.proxy.boot;

import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCalls;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

/// A gRPC server whose service `cart` is healthy, and which is not as a whole.
final class HealthService implements AutoCloseable {
    private final Server server;

    HealthService() throws IOException {
        var check = MethodDescriptor.<byte[], byte[]>newBuilder()
                .setType(MethodDescriptor.MethodType.UNARY)
                .setFullMethodName("grpc.health.v1.Health/Check")
                .setRequestMarshaller(RawBytes.INSTANCE)
                .setResponseMarshaller(RawBytes.INSTANCE)
                .build();
        server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .addService(ServerServiceDefinition.builder("grpc.health.v1.Health")
                        .addMethod(check, ServerCalls.asyncUnaryCall((request, answers) -> {
                            // Field 1 of both messages: the service's name, and 1 = SERVING or 2 = NOT_SERVING.
                            boolean cart = new String(request, StandardCharsets.US_ASCII).equals("\n\u0004cart");
                            answers.onNext(new byte[] {8, (byte) (cart ? 1 : 2)});
                            answers.onCompleted();
                        }))
                        .build())
                .build()
                .start();
    }

    int port() {
        return server.getPort();
    }

    @Override
    public void close() {
        server.shutdownNow();
    }
}
