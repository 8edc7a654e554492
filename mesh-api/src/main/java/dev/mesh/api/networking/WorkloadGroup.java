package dev.mesh.api.networking;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Inline;
import dev.mesh.api.shape.Required;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The common part of many WorkloadEntries (`networking.istio.io` WorkloadGroup).
public record WorkloadGroup(
        @Nullable Meta metadata,
        @Required WorkloadEntry template,
        @Nullable Probe probe) implements Spec {

    public record Meta(Map<String, String> labels, Map<String, String> annotations) {}

    public record Probe(
            int initialDelaySeconds,
            int timeoutSeconds,
            int periodSeconds,
            int successThreshold,
            int failureThreshold,
            @Inline @Nullable Check check) {}

    public sealed interface Check {
        record Http(HttpGet httpGet) implements Check {}

        record Tcp(TcpSocket tcpSocket) implements Check {}

        record Command(Exec exec) implements Check {}

        record GrpcHealth(Grpc grpc) implements Check {}
    }

    public record HttpGet(String path, @Required int port, String host, String scheme, List<HttpHeader> httpHeaders) {}

    public record HttpHeader(String name, String value) {}

    public record TcpSocket(String host, @Required int port) {}

    public record Exec(@Required List<String> command) {}

    public record Grpc(int port, String service) {}
}
