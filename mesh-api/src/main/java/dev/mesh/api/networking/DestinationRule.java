package dev.mesh.api.networking;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Required;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What happens to traffic after routing (`networking.istio.io` DestinationRule).
///
/// @param workloadSelector clients that the rule is for; null: all
public record DestinationRule(
        @Required String host,
        @Nullable TrafficPolicy trafficPolicy,
        List<Subset> subsets,
        List<String> exportTo,
        @Nullable Selector workloadSelector)
        implements Spec {

    /// @param trafficPolicy stands over the rule's, field by field
    public record Subset(
            @Required String name,
            Map<String, String> labels,
            @Nullable TrafficPolicy trafficPolicy) {}
}
