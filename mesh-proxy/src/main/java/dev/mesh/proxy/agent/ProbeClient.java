package dev.mesh.proxy.agent;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import io.grpc.CallOptions;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Asks the application what the kubelet would have asked it. Blocking; for virtual threads.
final class ProbeClient {
    private static final int SERVING = 1;
    private static final List<String> HEALTH = List.of("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN");

    /// @param status for the kubelet: that of the application, or 200 and 500
    record Outcome(int status, String words) {}

    private final InetAddress pod;
    private final boolean intercepted;
    private final LocalHttp http;

    ProbeClient(InetAddress pod, boolean intercepted) {
        this.pod = pod;
        this.intercepted = intercepted;
        http = new LocalHttp(pod, intercepted);
    }

    /// @param agent `user-agent` of whoever asks
    Outcome ask(AppProbe probe, String agent) {
        Duration timeout = probe.timeout();
        try {
            return switch (probe.kind()) {
                case AppProbe.Kind.Http asked ->
                    http.get(
                            asked,
                            List.of(new AppProbe.Header("User-Agent", agent), new AppProbe.Header("Accept", "*/*")),
                            timeout,
                            answer -> new Outcome(answer.status(), "the application answered " + answer.status()));
                case AppProbe.Kind.Tcp(String host, int port) -> {
                    try (Socket _ = http.connect(host, port, timeout)) {
                        yield new Outcome(200, "the application accepts connections");
                    }
                }
                case AppProbe.Kind.Grpc(int port, String service) -> grpc(port, service, timeout);
            };
        } catch (IOException e) {
            return new Outcome(500, "the application does not answer: " + e.getMessage());
        }
    }

    private Outcome grpc(int port, String service, Duration timeout) {
        var builder = NettyChannelBuilder.forAddress(new InetSocketAddress(pod, port))
                .usePlaintext()
                .userAgent("kube-probe");
        InetSocketAddress source = LocalHttp.source(pod, intercepted);
        if (source != null) {
            builder.localSocketPicker(new NettyChannelBuilder.LocalSocketPicker() {
                @Override
                public java.net.SocketAddress createSocketAddress(
                        java.net.SocketAddress remote, io.grpc.Attributes attributes) {
                    return source;
                }
            });
        }
        var channel = builder.build();
        try {
            int status = ClientCalls.blockingUnaryCall(
                    channel,
                    CHECK,
                    CallOptions.DEFAULT.withDeadlineAfter(timeout.toMillis(), TimeUnit.MILLISECONDS),
                    service);
            String word = status >= 0 && status < HEALTH.size() ? HEALTH.get(status) : "status " + status;
            return new Outcome(status == SERVING ? 200 : 500, "the application says " + word);
        } catch (StatusRuntimeException e) {
            return new Outcome(500, "the application does not answer: " + e.getStatus());
        } finally {
            channel.shutdownNow();
        }
    }

    /// `HealthCheckRequest.service` and `HealthCheckResponse.status`, the one field of each.
    private static final MethodDescriptor<String, Integer> CHECK = MethodDescriptor.<String, Integer>newBuilder()
            .setType(MethodDescriptor.MethodType.UNARY)
            .setFullMethodName("grpc.health.v1.Health/Check")
            .setRequestMarshaller(new MethodDescriptor.Marshaller<>() {
                @Override
                public InputStream stream(String service) {
                    try {
                        var bytes = new ByteArrayOutputStream();
                        var out = CodedOutputStream.newInstance(bytes);
                        if (!service.isEmpty()) {
                            out.writeString(1, service);
                        }
                        out.flush();
                        return new ByteArrayInputStream(bytes.toByteArray());
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                }

                @Override
                public String parse(InputStream stream) {
                    throw new UnsupportedOperationException("a client reads no requests");
                }
            })
            .setResponseMarshaller(new MethodDescriptor.Marshaller<>() {
                @Override
                public InputStream stream(Integer status) {
                    throw new UnsupportedOperationException("a client writes no answers");
                }

                @Override
                public Integer parse(InputStream stream) {
                    try {
                        var in = CodedInputStream.newInstance(stream);
                        int status = 0;
                        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
                            if (tag == 8) {
                                status = in.readEnum();
                            } else {
                                in.skipField(tag);
                            }
                        }
                        return status;
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                }
            })
            .build();
}
