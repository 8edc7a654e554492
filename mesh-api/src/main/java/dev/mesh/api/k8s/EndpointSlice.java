package dev.mesh.api.k8s;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Unused;
import dev.mesh.api.shape.Whole;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Some of the endpoints of a Service (`discovery.k8s.io` EndpointSlice); which Service, says the label
/// [#SERVICE].
///
/// @param addressType `IPv4`, `IPv6` or `FQDN`
/// @param ports that every endpoint of the slice has
@Whole
@Unused(Unused.ANY)
public record EndpointSlice(String addressType, List<Endpoint> endpoints, List<EndpointPort> ports) implements Spec {
    /// Label with the name of the Service.
    public static final String SERVICE = "kubernetes.io/service-name";

    /// @param addresses all are the same endpoint; consumers use the first
    /// @param conditions null: ready
    /// @param hostname label of its own name below that of the Service; empty: none
    /// @param nodeName empty: not known
    /// @param targetRef usually a Pod; null for an address that somebody wrote
    @Unused(Unused.ANY)
    public record Endpoint(
            List<String> addresses,
            @Nullable Conditions conditions,
            String hostname,
            String nodeName,
            String zone,
            @Nullable TargetRef targetRef) {}

    /// Each null: not said, which means ready, serving, and not terminating.
    ///
    /// @param serving ready, or would be if it were not terminating
    @Unused(Unused.ANY)
    public record Conditions(
            @Nullable Boolean ready,
            @Nullable Boolean serving,
            @Nullable Boolean terminating) {}

    /// @param namespace empty: that of the slice
    @Unused(Unused.ANY)
    public record TargetRef(String kind, String namespace, String name) {}

    /// @param name of the Service's port; empty if that has none
    /// @param port null: all ports, which no Service has
    /// @param protocol `TCP` if empty
    @Unused(Unused.ANY)
    public record EndpointPort(String name, @Nullable Integer port, String protocol, String appProtocol) {}
}
