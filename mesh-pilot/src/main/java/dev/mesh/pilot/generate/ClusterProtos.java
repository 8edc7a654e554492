package dev.mesh.pilot.generate;

import com.google.protobuf.Duration;
import com.google.protobuf.UInt32Value;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.LoadBalancer;
import dev.mesh.api.networking.TrafficPolicy;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.ServiceInfo.PortInfo;
import dev.mesh.pilot.model.ServiceInfo.Protocol;
import dev.mesh.pilot.model.Workload;
import io.envoyproxy.envoy.config.cluster.v3.CircuitBreakers;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.AggregatedConfigSource;
import io.envoyproxy.envoy.config.core.v3.ApiVersion;
import io.envoyproxy.envoy.config.core.v3.ConfigSource;
import io.envoyproxy.envoy.config.core.v3.Http2ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.endpoint.v3.Endpoint;
import io.envoyproxy.envoy.config.endpoint.v3.LbEndpoint;
import io.envoyproxy.envoy.config.endpoint.v3.LocalityLbEndpoints;
import io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Clusters and their endpoints. Static and pure.
final class ClusterProtos {
    private static final int UNLIMITED = -1; // 2^32-1: Istio leaves limits to who asks for them
    static final ConfigSource ADS = ConfigSource.newBuilder()
            .setAds(AggregatedConfigSource.getDefaultInstance())
            .setResourceApiVersion(ApiVersion.V3)
            .build();

    private ClusterProtos() {}

    /// Everything that one outbound cluster's bytes depend on.
    record Input(
            String host,
            PortInfo port,
            String subset,
            @Nullable TrafficPolicy policy) {}

    static Resource outbound(Input in) {
        String name = Names.outbound(in.port().number(), in.subset(), in.host());
        var cluster = Cluster.newBuilder()
                .setName(name)
                .setType(Cluster.DiscoveryType.EDS)
                .setEdsClusterConfig(Cluster.EdsClusterConfig.newBuilder().setEdsConfig(ADS))
                .setConnectTimeout(Duration.newBuilder().setSeconds(10))
                .setLbPolicy(lbPolicy(in.policy()))
                .setCircuitBreakers(CircuitBreakers.newBuilder()
                        .addThresholds(CircuitBreakers.Thresholds.newBuilder()
                                .setMaxConnections(UInt32Value.of(UNLIMITED))
                                .setMaxPendingRequests(UInt32Value.of(UNLIMITED))
                                .setMaxRequests(UInt32Value.of(UNLIMITED))
                                .setMaxRetries(UInt32Value.of(UNLIMITED))));
        protocol(cluster, in.port().protocol());
        return Resource.of(XdsType.CLUSTER, name, cluster.build());
    }

    private static void protocol(Cluster.Builder cluster, Protocol protocol) {
        if (protocol == Protocol.HTTP2) {
            cluster.putTypedExtensionProtocolOptions(
                    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    Resource.pack(HttpProtocolOptions.newBuilder()
                            .setExplicitHttpConfig(HttpProtocolOptions.ExplicitHttpConfig.newBuilder()
                                    .setHttp2ProtocolOptions(Http2ProtocolOptions.getDefaultInstance()))
                            .build()));
        }
    }

    private static Cluster.LbPolicy lbPolicy(@Nullable TrafficPolicy policy) {
        LoadBalancer balancer = policy == null ? null : policy.loadBalancer();
        if (balancer != null && balancer.policy() instanceof LoadBalancer.Policy.Simple(LoadBalancer.SimpleKind kind)) {
            return switch (kind) {
                case ROUND_ROBIN -> Cluster.LbPolicy.ROUND_ROBIN;
                case RANDOM -> Cluster.LbPolicy.RANDOM;
                case UNSPECIFIED, LEAST_CONN, LEAST_REQUEST, PASSTHROUGH -> Cluster.LbPolicy.LEAST_REQUEST;
            };
        }
        return Cluster.LbPolicy.LEAST_REQUEST;
    }

    /// The policy of a subset stands over the rule's.
    static @Nullable TrafficPolicy policy(@Nullable DestinationRule rule, DestinationRule.@Nullable Subset subset) {
        if (subset != null && subset.trafficPolicy() != null) {
            return subset.trafficPolicy();
        }
        return rule == null ? null : rule.trafficPolicy();
    }

    /// Where requests to the workload itself go: the application.
    static Resource inbound(int port, int applicationPort, Protocol protocol) {
        String name = Names.inbound(port);
        var cluster = Cluster.newBuilder()
                .setName(name)
                .setType(Cluster.DiscoveryType.STATIC)
                .setConnectTimeout(Duration.newBuilder().setSeconds(10))
                .setLoadAssignment(ClusterLoadAssignment.newBuilder()
                        .setClusterName(name)
                        .addEndpoints(LocalityLbEndpoints.newBuilder()
                                .addLbEndpoints(endpoint("127.0.0.1", applicationPort, 1))));
        protocol(cluster, protocol);
        return Resource.of(XdsType.CLUSTER, name, cluster.build());
    }

    /// @param workloads that serve, in order
    /// @param labels of the subset; empty = all
    static Resource endpoints(
            ServiceInfo service, PortInfo port, String subset, Map<String, String> labels, List<Workload> workloads) {
        String name = Names.outbound(port.number(), subset, service.host());
        var locality = LocalityLbEndpoints.newBuilder();
        for (Workload workload : workloads) {
            if (workload.matches(labels)) {
                locality.addLbEndpoints(endpoint(workload.address(), targetPort(port, workload), workload.weight()));
            }
        }
        var assignment = ClusterLoadAssignment.newBuilder().setClusterName(name);
        if (locality.getLbEndpointsCount() > 0) {
            assignment.addEndpoints(locality);
        }
        return Resource.of(XdsType.ENDPOINT, name, assignment.build());
    }

    /// The workload's port that a service port leads to: by the port's name in the workload, else its target.
    static int targetPort(PortInfo port, Workload workload) {
        Integer named = workload.ports().get(port.name());
        if (named == null) {
            named = workload.ports().get(port.target());
        }
        if (named != null) {
            return named;
        }
        return port.target().matches("[0-9]{1,5}") ? Integer.parseInt(port.target()) : port.number();
    }

    private static LbEndpoint endpoint(String address, int port, int weight) {
        return LbEndpoint.newBuilder()
                .setEndpoint(Endpoint.newBuilder()
                        .setAddress(Address.newBuilder()
                                .setSocketAddress(SocketAddress.newBuilder()
                                        .setAddress(address)
                                        .setPortValue(port))))
                .setLoadBalancingWeight(UInt32Value.of(weight))
                .build();
    }
}
