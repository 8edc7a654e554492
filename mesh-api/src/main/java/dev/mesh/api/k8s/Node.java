package dev.mesh.api.k8s;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Unused;
import dev.mesh.api.shape.Whole;
import java.util.List;

/// A Kubernetes Node; where it stands is in its labels.
@Whole
@Unused(Unused.ANY)
public record Node(NodeStatus status) implements Spec {
    public static final String REGION = "topology.kubernetes.io/region";
    public static final String ZONE = "topology.kubernetes.io/zone";
    /// Istio's own, below the zone.
    public static final String SUBZONE = "topology.istio.io/subzone";

    @Unused(Unused.ANY)
    public record NodeStatus(List<NodeAddress> addresses) {}

    /// @param type such as `InternalIP`
    @Unused(Unused.ANY)
    public record NodeAddress(String type, String address) {}
}
