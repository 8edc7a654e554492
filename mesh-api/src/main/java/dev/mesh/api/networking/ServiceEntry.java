package dev.mesh.api.networking;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Required;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Services that no Service of Kubernetes stands for (`networking.istio.io` ServiceEntry).
///
/// @param addresses virtual addresses or CIDR ranges
public record ServiceEntry(
        @Required List<String> hosts,
        List<String> addresses,
        List<Port> ports,
        Location location,
        Resolution resolution,
        List<WorkloadEntry> endpoints,
        @Nullable WorkloadSelector workloadSelector,
        List<String> exportTo,
        List<String> subjectAltNames)
        implements Spec {

    public enum Location {
        MESH_EXTERNAL,
        MESH_INTERNAL
    }

    public enum Resolution {
        NONE,
        STATIC,
        DNS,
        DNS_ROUND_ROBIN,
        DYNAMIC_DNS
    }
}
