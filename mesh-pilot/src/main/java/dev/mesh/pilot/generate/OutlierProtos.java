package dev.mesh.pilot.generate;

import com.google.protobuf.UInt32Value;
import dev.mesh.api.networking.OutlierDetection;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.type.v3.Percent;
import org.jspecify.annotations.Nullable;

/// Outlier detection of a DestinationRule → of a cluster, as Istio translates it: success rates are never judged,
/// and gateway errors only when they are asked for.
final class OutlierProtos {
    private OutlierProtos() {}

    static void put(@Nullable OutlierDetection from, Cluster.Builder cluster) {
        if (from == null) {
            return;
        }
        var outlier = io.envoyproxy.envoy.config.cluster.v3.OutlierDetection.newBuilder()
                .setEnforcingSuccessRate(UInt32Value.of(0));
        if (from.consecutive5xxErrors() != null) {
            outlier.setConsecutive5Xx(UInt32Value.of(from.consecutive5xxErrors()))
                    .setEnforcingConsecutive5Xx(UInt32Value.of(from.consecutive5xxErrors() > 0 ? 100 : 0));
        }
        Integer gateway = from.consecutiveGatewayErrors() == null && from.consecutiveErrors() > 0
                ? Integer.valueOf(from.consecutiveErrors())
                : from.consecutiveGatewayErrors();
        if (gateway != null) {
            outlier.setConsecutiveGatewayFailure(UInt32Value.of(gateway))
                    .setEnforcingConsecutiveGatewayFailure(UInt32Value.of(gateway > 0 ? 100 : 0));
        }
        if (from.splitExternalLocalOriginErrors()) {
            outlier.setSplitExternalLocalOriginErrors(true);
            if (from.consecutiveLocalOriginFailures() != null) {
                int failures = from.consecutiveLocalOriginFailures();
                outlier.setConsecutiveLocalOriginFailure(UInt32Value.of(failures))
                        .setEnforcingConsecutiveLocalOriginFailure(UInt32Value.of(failures > 0 ? 100 : 0));
            }
            outlier.setEnforcingLocalOriginSuccessRate(UInt32Value.of(0));
        }
        if (from.interval() != null) {
            outlier.setInterval(ClusterProtos.duration(from.interval()));
        }
        if (from.baseEjectionTime() != null) {
            outlier.setBaseEjectionTime(ClusterProtos.duration(from.baseEjectionTime()));
        }
        if (from.maxEjectionPercent() > 0) {
            outlier.setMaxEjectionPercent(UInt32Value.of(from.maxEjectionPercent()));
        }
        cluster.setOutlierDetection(outlier);
        cluster.getCommonLbConfigBuilder()
                .setHealthyPanicThreshold(Percent.newBuilder().setValue(from.minHealthPercent()));
    }
}
