package dev.mesh.api.k8s;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.IntOrText;
import dev.mesh.api.shape.Required;
import dev.mesh.api.shape.Unused;
import java.util.List;
import java.util.Map;

/// A Kubernetes Service.
///
/// @param clusterIP empty: none given; `None`: headless
/// @param clusterIPs the same, and that of the other address family of a dual-stack Service
/// @param publishNotReadyAddresses endpoints count as ready from the start
/// @param trafficDistribution which endpoints are near, such as `PreferSameZone`; empty: all alike
/// @param internalTrafficPolicy `Cluster` if empty
/// @param ipFamilies `IPv4`, `IPv6`; the first is the one of `clusterIP`
/// @param selector labels of Pods and WorkloadEntries alike; empty: none
@Unused({
    "allocateLoadBalancerNodePorts",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "ipFamilyPolicy",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "sessionAffinity",
    "sessionAffinityConfig"
})
public record Service(
        Type type,
        Map<String, String> selector,
        List<ServicePort> ports,
        String clusterIP,
        List<String> clusterIPs,
        List<String> externalIPs,
        String externalName,
        boolean publishNotReadyAddresses,
        String trafficDistribution,
        String internalTrafficPolicy,
        List<String> ipFamilies)
        implements Spec {

    public enum Type {
        ClusterIP,
        NodePort,
        LoadBalancer,
        ExternalName
    }

    /// @param name may be empty if it is the only port; `<protocol>` or `<protocol>-<text>` tells the protocol
    /// @param protocol `TCP` if empty
    /// @param targetPort number or name of a port of the workload; empty: the same as `port`
    public record ServicePort(
            String name, @Required int port, String protocol, IntOrText targetPort, String appProtocol, int nodePort) {}
}
