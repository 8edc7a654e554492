package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.mesh.proxy.io.Loops;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ServerCalls;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// A real gRPC client and server with the proxy between them: HTTP/2 on both sides, with trailers.
@NullUnmarked
class GrpcHopTest {
    private static final MethodDescriptor<byte[], byte[]> ECHO = method("test/Echo", MethodDescriptor.MethodType.UNARY);
    private static final MethodDescriptor<byte[], byte[]> FAIL = method("test/Fail", MethodDescriptor.MethodType.UNARY);
    private static final MethodDescriptor<byte[], byte[]> MANY =
            method("test/Many", MethodDescriptor.MethodType.SERVER_STREAMING);

    private static Loops loops;
    private static Server server;
    private static ProxyProcess proxy;
    private static ManagedChannel channel;

    private static MethodDescriptor<byte[], byte[]> method(String name, MethodDescriptor.MethodType type) {
        return MethodDescriptor.<byte[], byte[]>newBuilder()
                .setType(type)
                .setFullMethodName(name)
                .setRequestMarshaller(RawBytes.INSTANCE)
                .setResponseMarshaller(RawBytes.INSTANCE)
                .build();
    }

    @BeforeAll
    static void start() throws Exception {
        loops = new Loops(1);
        server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .addService(ServerServiceDefinition.builder("test")
                        .addMethod(ECHO, ServerCalls.asyncUnaryCall((request, response) -> {
                            response.onNext(request);
                            response.onCompleted();
                        }))
                        .addMethod(
                                FAIL,
                                ServerCalls.asyncUnaryCall((request, response) -> response.onError(Status.ALREADY_EXISTS
                                        .withDescription("as asked")
                                        .asRuntimeException())))
                        .addMethod(MANY, ServerCalls.asyncServerStreamingCall((request, response) -> {
                            for (int i = 0; i < 100; i++) {
                                byte[] part = new byte[10_000];
                                Arrays.fill(part, (byte) i);
                                response.onNext(part);
                            }
                            response.onCompleted();
                        }))
                        .build())
                .build()
                .start();
        proxy = new ProxyProcess(
                BootstrapReader.parse("test", """
                        static_resources:
                          listeners:
                          - name: main
                            address: {socket_address: {address: 127.0.0.1, port_value: 0}}
                            filter_chains:
                            - filters:
                              - name: hcm
                                typed_config:
                                  "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                                  stat_prefix: main
                                  http_filters:
                                  - name: router
                                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
                                  route_config:
                                    virtual_hosts:
                                    - {name: all, domains: ["*"], routes: [{match: {prefix: /test}, route: {cluster: up}}]}
                          clusters:
                          - name: up
                            type: STATIC
                            load_assignment: {cluster_name: up, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $port}}}}]}]}
                            typed_extension_protocol_options:
                              envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
                                "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
                                explicit_http_config: {http2_protocol_options: {}}
                        """.replace("$port", Integer.toString(server.getPort()))), loops);
        proxy.start();
        channel = NettyChannelBuilder.forAddress(proxy.bound().get("main").getFirst())
                .usePlaintext()
                .build();
    }

    @AfterAll
    static void stop() {
        channel.shutdownNow();
        proxy.close();
        server.shutdownNow();
        loops.close();
    }

    private static CallOptions options() {
        return CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS);
    }

    @Test
    void callsGoThroughWithTheirTrailers() {
        for (int i = 0; i < 50; i++) {
            byte[] sent = ("hello " + i).getBytes(java.nio.charset.StandardCharsets.UTF_8);
            assertThat(ClientCalls.blockingUnaryCall(channel, ECHO, options(), sent))
                    .isEqualTo(sent);
        }
        assertThatThrownBy(() -> ClientCalls.blockingUnaryCall(channel, FAIL, options(), new byte[0]))
                .isInstanceOfSatisfying(
                        StatusRuntimeException.class,
                        e -> assertThat(e.getStatus())
                                .hasToString(Status.ALREADY_EXISTS
                                        .withDescription("as asked")
                                        .toString()));
    }

    @Test
    void aStreamOfMessagesArrivesWhole() {
        var sizes = new ArrayList<Integer>();
        ClientCalls.blockingServerStreamingCall(channel, MANY, options(), new byte[0])
                .forEachRemaining(part -> sizes.add(part.length));
        assertThat(sizes).hasSize(100).allMatch(size -> size == 10_000);
    }

    @Test
    void aLargeMessageArrivesWhole() {
        byte[] large = new byte[3 << 20];
        Arrays.fill(large, (byte) 7);
        assertThat(ClientCalls.blockingUnaryCall(channel, ECHO, options(), large))
                .isEqualTo(large);
    }

    @Test
    void aCallThatNoRouteTakesFailsAsGrpcSaysIt() {
        assertThatThrownBy(() -> ClientCalls.blockingUnaryCall(
                        channel, method("other/Call", MethodDescriptor.MethodType.UNARY), options(), new byte[0]))
                .isInstanceOfSatisfying(
                        StatusRuntimeException.class,
                        e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.UNIMPLEMENTED));
    }
}
