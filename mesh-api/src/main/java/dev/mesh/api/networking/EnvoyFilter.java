package dev.mesh.api.networking;

import dev.mesh.api.object.Spec;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Patches to generated configuration (`networking.istio.io` EnvoyFilter). The patches themselves are kept as
/// plain trees of maps, lists and scalars.
public record EnvoyFilter(
        @Nullable WorkloadSelector workloadSelector,
        List<TargetRef> targetRefs,
        List<Map<String, Object>> configPatches,
        int priority)
        implements Spec {}
