package dev.mesh.proxy.admin;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UInt32Value;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.cluster.Host;
import dev.mesh.proxy.io.Addresses;
import dev.mesh.proxy.load.Entry;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.HealthStatus;
import io.envoyproxy.envoy.config.core.v3.Locality;
import io.envoyproxy.envoy.config.core.v3.Pipe;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.endpoint.v3.Endpoint;
import io.envoyproxy.envoy.config.endpoint.v3.LbEndpoint;
import io.envoyproxy.envoy.config.endpoint.v3.LocalityLbEndpoints;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;

/// The hosts of clusters that do not get them by EDS, as they are now. Envoy dumps them as static endpoints.
final class StaticEndpoints {
    private static final int OVERPROVISIONING = 140;

    private StaticEndpoints() {}

    /// @param entries clusters among them
    static List<ClusterLoadAssignment> of(
            List<Entry> entries, java.util.Collection<? extends dev.mesh.proxy.cluster.Cluster> live) {
        var assignments = new ArrayList<ClusterLoadAssignment>();
        for (Entry entry : entries) {
            Any body = entry.body();
            if (entry.type() != XdsType.CLUSTER || body == null) {
                continue;
            }
            try {
                var cluster = body.unpack(Cluster.class);
                if (cluster.getType() != Cluster.DiscoveryType.EDS) {
                    live.stream()
                            .filter(one -> one.name().equals(entry.name()))
                            .forEach(one -> assignments.add(assignment(cluster, one.hosts())));
                }
            } catch (InvalidProtocolBufferException e) {
                throw new IllegalStateException("it was unpacked when it was loaded", e);
            }
        }
        return assignments;
    }

    private static ClusterLoadAssignment assignment(Cluster cluster, List<Host> hosts) {
        var localities = new LinkedHashMap<String, LocalityLbEndpoints.Builder>();
        for (Host host : hosts) {
            localities
                    .computeIfAbsent(host.locality(), StaticEndpoints::locality)
                    .addLbEndpoints(endpoint(host));
        }
        var policy = cluster.getLoadAssignment().getPolicy().toBuilder();
        if (!policy.hasOverprovisioningFactor()) {
            policy.setOverprovisioningFactor(UInt32Value.of(OVERPROVISIONING));
        }
        var assignment = ClusterLoadAssignment.newBuilder()
                .setClusterName(cluster.getName())
                .setPolicy(policy);
        localities.values().forEach(assignment::addEndpoints);
        return assignment.build();
    }

    private static LocalityLbEndpoints.Builder locality(String text) {
        var locality = LocalityLbEndpoints.newBuilder().setLoadBalancingWeight(UInt32Value.of(1));
        String[] parts = text.split("/", -1);
        if (!parts[0].isEmpty()) {
            locality.setLocality(Locality.newBuilder()
                    .setRegion(parts[0])
                    .setZone(parts.length > 1 ? parts[1] : "")
                    .setSubZone(parts.length > 2 ? parts[2] : ""));
        }
        return locality;
    }

    private static LbEndpoint endpoint(Host host) {
        String text = Addresses.host(host.address());
        var address = Address.newBuilder();
        if (host.address() instanceof InetSocketAddress inet) {
            address.setSocketAddress(SocketAddress.newBuilder().setAddress(text).setPortValue(inet.getPort()));
        } else {
            address.setPipe(Pipe.newBuilder().setPath(text));
        }
        return LbEndpoint.newBuilder()
                .setEndpoint(Endpoint.newBuilder().setAddress(address).setHostname(host.hostname()))
                .setHealthStatus(host.healthy() ? HealthStatus.HEALTHY : HealthStatus.UNHEALTHY)
                .setLoadBalancingWeight(UInt32Value.of(host.weight()))
                .build();
    }
}
