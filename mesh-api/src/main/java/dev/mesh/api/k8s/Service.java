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
/// @param selector labels of Pods and WorkloadEntries alike; empty: none
@Unused({
    "allocateLoadBalancerNodePorts",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "internalTrafficPolicy",
    "ipFamilies",
    "ipFamilyPolicy",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "publishNotReadyAddresses",
    "sessionAffinity",
    "sessionAffinityConfig",
    "trafficDistribution"
})
public record Service(
        Type type,
        Map<String, String> selector,
        List<ServicePort> ports,
        String clusterIP,
        List<String> clusterIPs,
        List<String> externalIPs,
        String externalName)
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
