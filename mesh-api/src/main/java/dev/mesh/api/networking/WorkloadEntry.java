package dev.mesh.api.networking;

import dev.mesh.api.object.Spec;
import java.util.Map;

/// One workload outside of Kubernetes, or one endpoint of a ServiceEntry (`networking.istio.io` WorkloadEntry).
///
/// @param address IP address, DNS name or `unix:///path`
/// @param ports name → number; a port that is not named here is taken from the service
/// @param locality `region/zone/subzone`
/// @param weight 0 is unset: 1
public record WorkloadEntry(
        String address,
        Map<String, Integer> ports,
        Map<String, String> labels,
        String network,
        String locality,
        int weight,
        String serviceAccount)
        implements Spec {}
