package dev.mesh.api.networking;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Required;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a workload's proxy listens on and may reach (`networking.istio.io` Sidecar).
///
/// @param workloadSelector null: all workloads of the namespace
public record Sidecar(
        @Nullable WorkloadSelector workloadSelector,
        List<IngressListener> ingress,
        List<EgressListener> egress,
        @Nullable ConnectionPool inboundConnectionPool,
        @Nullable OutboundTrafficPolicy outboundTrafficPolicy)
        implements Spec {

    public record IngressListener(
            @Required Port port,
            String bind,
            CaptureMode captureMode,
            String defaultEndpoint,
            @Nullable ServerTls tls,
            @Nullable ConnectionPool connectionPool) {}

    /// @param hosts `namespace/host`, with `*`, `.` and `~` for the namespace
    public record EgressListener(
            @Nullable Port port,
            String bind,
            CaptureMode captureMode,
            @Required List<String> hosts) {}

    public enum CaptureMode {
        DEFAULT,
        IPTABLES,
        NONE
    }

    public record OutboundTrafficPolicy(Mode mode, @Nullable Destination egressProxy) {}

    /// What happens to traffic for hosts that the registry does not know.
    public enum Mode {
        REGISTRY_ONLY,
        ALLOW_ANY
    }
}
