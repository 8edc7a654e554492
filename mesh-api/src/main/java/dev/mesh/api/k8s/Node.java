package dev.mesh.api.k8s;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Unused;
import dev.mesh.api.shape.Whole;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A Kubernetes Node; where it stands is in its labels.
@Whole
@Unused(Unused.ANY)
public record Node(NodeStatus status) implements Spec {
    public static final String REGION = "topology.kubernetes.io/region";
    public static final String ZONE = "topology.kubernetes.io/zone";
    /// Istio's own, below the zone.
    public static final String SUBZONE = "topology.istio.io/subzone";

    @Unused(Unused.ANY)
    public record NodeStatus(
            List<NodeAddress> addresses, @Nullable NodeInfo nodeInfo) {}

    /// @param kubeletVersion such as `v1.35.4`
    @Unused(Unused.ANY)
    public record NodeInfo(String kubeletVersion) {}

    /// @param type such as `InternalIP`
    @Unused(Unused.ANY)
    public record NodeAddress(String type, String address) {}
}
