package dev.mesh.pilot.generate;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.UInt32Value;
import com.google.protobuf.UInt64Value;
import dev.mesh.api.networking.ConnectionPool;
import dev.mesh.api.networking.LoadBalancer;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.model.ServiceInfo.PortInfo;
import dev.mesh.pilot.model.ServiceInfo.Protocol;
import dev.mesh.pilot.model.Workload;
import io.envoyproxy.envoy.config.cluster.v3.CircuitBreakers;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.cluster.v3.UpstreamConnectionOptions;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.AggregatedConfigSource;
import io.envoyproxy.envoy.config.core.v3.ApiVersion;
import io.envoyproxy.envoy.config.core.v3.BindConfig;
import io.envoyproxy.envoy.config.core.v3.ConfigSource;
import io.envoyproxy.envoy.config.core.v3.ExtraSourceAddress;
import io.envoyproxy.envoy.config.core.v3.HealthStatus;
import io.envoyproxy.envoy.config.core.v3.Http1ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.Http2ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.KeepaliveSettings;
import io.envoyproxy.envoy.config.core.v3.Locality;
import io.envoyproxy.envoy.config.core.v3.RuntimeDouble;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.config.core.v3.TcpKeepalive;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.endpoint.v3.Endpoint;
import io.envoyproxy.envoy.config.endpoint.v3.LbEndpoint;
import io.envoyproxy.envoy.config.endpoint.v3.LocalityLbEndpoints;
import io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions;
import io.envoyproxy.envoy.type.v3.Percent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Clusters and their endpoints. Static and pure.
final class ClusterProtos {
    private static final int UNLIMITED = -1; // 2^32-1: Istio leaves limits to who asks for them
    private static final String HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    static final ConfigSource ADS = ConfigSource.newBuilder()
            .setAds(AggregatedConfigSource.getDefaultInstance())
            .setResourceApiVersion(ApiVersion.V3)
            .build();

    private ClusterProtos() {}

    /// Everything that one outbound cluster's bytes depend on.
    ///
    /// @param known endpoints that stand in the cluster itself; null: they come otherwise
    /// @param hosts how they are found
    /// @param subjectAltNames of the service, for TLS
    /// @param proxyless whether a gRPC library asks, which knows fewer kinds of balancing
    record Input(
            String host,
            PortInfo port,
            String subset,
            Policy policy,
            @Nullable Assignment known,
            Hosts hosts,
            List<String> subjectAltNames,
            boolean proxyless) {}

    /// How a proxy finds the hosts of a cluster.
    enum Hosts {
        EDS,
        DNS,
        /// Where the caller is going.
        ORIGINAL
    }

    /// Everything that a load assignment's bytes depend on.
    ///
    /// @param workloads that serve, in order
    /// @param labels of the subset; empty = all
    /// @param near what near endpoints share with the client ([Place#near]); empty: all are alike
    record Assignment(
            String name, PortInfo port, Map<String, String> labels, List<Workload> workloads, List<String> near) {}

    static Resource outbound(Input in) {
        String name = Names.outbound(in.port().number(), in.subset(), in.host());
        var cluster = Cluster.newBuilder().setName(name).setConnectTimeout(seconds(10));
        Assignment known = in.known();
        if (in.hosts() == Hosts.ORIGINAL) {
            cluster.setType(Cluster.DiscoveryType.ORIGINAL_DST);
        } else if (known == null) {
            cluster.setType(Cluster.DiscoveryType.EDS)
                    .setEdsClusterConfig(Cluster.EdsClusterConfig.newBuilder().setEdsConfig(ADS));
        } else {
            cluster.setType(in.proxyless() ? Cluster.DiscoveryType.LOGICAL_DNS : Cluster.DiscoveryType.STRICT_DNS)
                    .setDnsLookupFamily(Cluster.DnsLookupFamily.V4_ONLY)
                    .setLoadAssignment(assignment(known));
        }
        if (in.hosts() == Hosts.ORIGINAL) {
            cluster.setLbPolicy(Cluster.LbPolicy.CLUSTER_PROVIDED);
        } else {
            balancer(in, cluster);
        }
        connectionPool(in.policy().connectionPool(), cluster);
        protocol(in, cluster);
        OutlierProtos.put(in.policy().outlierDetection(), cluster);
        if (in.policy().tls() != null) {
            TlsProtos.upstream(in.policy().tls(), in.host(), in.port().protocol(), in.subjectAltNames(), cluster);
        }
        return Resource.of(XdsType.CLUSTER, name, cluster.build());
    }

    private static void connectionPool(@Nullable ConnectionPool pool, Cluster.Builder cluster) {
        var limits = CircuitBreakers.Thresholds.newBuilder()
                .setMaxConnections(UInt32Value.of(UNLIMITED))
                .setMaxPendingRequests(UInt32Value.of(UNLIMITED))
                .setMaxRequests(UInt32Value.of(UNLIMITED))
                .setMaxRetries(UInt32Value.of(UNLIMITED));
        ConnectionPool.Tcp tcp = pool == null ? null : pool.tcp();
        if (tcp != null) {
            if (tcp.maxConnections() > 0) {
                limits.setMaxConnections(UInt32Value.of(tcp.maxConnections()));
            }
            if (tcp.connectTimeout() != null) {
                cluster.setConnectTimeout(duration(tcp.connectTimeout()));
            }
            if (tcp.tcpKeepalive() != null) {
                cluster.setUpstreamConnectionOptions(
                        UpstreamConnectionOptions.newBuilder().setTcpKeepalive(keepalive(tcp.tcpKeepalive())));
            }
        }
        ConnectionPool.Http http = pool == null ? null : pool.http();
        if (http != null) {
            if (http.http1MaxPendingRequests() > 0) {
                limits.setMaxPendingRequests(UInt32Value.of(http.http1MaxPendingRequests()));
            }
            if (http.http2MaxRequests() > 0) {
                limits.setMaxRequests(UInt32Value.of(http.http2MaxRequests()));
            }
            if (http.maxRetries() > 0) {
                limits.setMaxRetries(UInt32Value.of(http.maxRetries()));
            }
        }
        cluster.setCircuitBreakers(CircuitBreakers.newBuilder().addThresholds(limits));
    }

    private static TcpKeepalive keepalive(ConnectionPool.TcpKeepalive from) {
        var keepalive = TcpKeepalive.newBuilder();
        if (from.probes() > 0) {
            keepalive.setKeepaliveProbes(UInt32Value.of(from.probes()));
        }
        if (from.time() != null) {
            keepalive.setKeepaliveTime(UInt32Value.of((int) from.time().toSeconds()));
        }
        if (from.interval() != null) {
            keepalive.setKeepaliveInterval(UInt32Value.of((int) from.interval().toSeconds()));
        }
        return keepalive.build();
    }

    private static void protocol(Input in, Cluster.Builder cluster) {
        ConnectionPool pool = in.policy().connectionPool();
        ConnectionPool.Http http = pool == null ? null : pool.http();
        var options = HttpProtocolOptions.newBuilder();
        boolean any = pool != null && common(pool, options);
        boolean upgrade = http != null && http.h2UpgradePolicy() == ConnectionPool.H2UpgradePolicy.UPGRADE;
        if (in.port().protocol() == Protocol.HTTP2 || (upgrade && in.port().protocol() == Protocol.HTTP)) {
            options.setExplicitHttpConfig(
                    HttpProtocolOptions.ExplicitHttpConfig.newBuilder().setHttp2ProtocolOptions(http2(http)));
            any = true;
        } else if ((http != null && http.useClientProtocol()) || in.port().protocol() == Protocol.AUTO) {
            options.setUseDownstreamProtocolConfig(HttpProtocolOptions.UseDownstreamHttpConfig.newBuilder()
                    .setHttpProtocolOptions(Http1ProtocolOptions.getDefaultInstance())
                    .setHttp2ProtocolOptions(http2(http)));
            any = true;
        } else if (any) {
            options.setExplicitHttpConfig(HttpProtocolOptions.ExplicitHttpConfig.newBuilder()
                    .setHttpProtocolOptions(Http1ProtocolOptions.getDefaultInstance()));
        }
        if (any) {
            cluster.putTypedExtensionProtocolOptions(HTTP_OPTIONS, Resource.pack(options.build()));
        }
    }

    private static boolean common(ConnectionPool pool, HttpProtocolOptions.Builder options) {
        var common = io.envoyproxy.envoy.config.core.v3.HttpProtocolOptions.newBuilder();
        if (pool.http() != null && pool.http().idleTimeout() != null) {
            common.setIdleTimeout(duration(pool.http().idleTimeout()));
        }
        if (pool.http() != null && pool.http().maxRequestsPerConnection() > 0) {
            common.setMaxRequestsPerConnection(UInt32Value.of(pool.http().maxRequestsPerConnection()));
        }
        if (pool.tcp() != null && pool.tcp().maxConnectionDuration() != null) {
            common.setMaxConnectionDuration(duration(pool.tcp().maxConnectionDuration()));
        }
        if (common.build().equals(io.envoyproxy.envoy.config.core.v3.HttpProtocolOptions.getDefaultInstance())) {
            return false;
        }
        options.setCommonHttpProtocolOptions(common);
        return true;
    }

    private static Http2ProtocolOptions http2(ConnectionPool.@Nullable Http http) {
        var options = Http2ProtocolOptions.newBuilder();
        if (http != null && http.maxConcurrentStreams() > 0) {
            options.setMaxConcurrentStreams(UInt32Value.of(http.maxConcurrentStreams()));
        }
        if (http != null && http.http2KeepAlive() != null) {
            var keepalive = KeepaliveSettings.newBuilder();
            var from = http.http2KeepAlive();
            if (from.interval() != null) {
                keepalive.setInterval(duration(from.interval()));
            }
            keepalive.setTimeout(from.timeout() == null ? seconds(10) : duration(from.timeout()));
            options.setConnectionKeepalive(keepalive);
        }
        return options.build();
    }

    private static void balancer(Input in, Cluster.Builder cluster) {
        policy(in, cluster);
        LoadBalancer from = in.policy().loadBalancer();
        LoadBalancer.Warmup warmup = from == null ? null : from.warming();
        if (warmup == null || in.proxyless()) {
            return;
        }
        if (cluster.getLbPolicy() == Cluster.LbPolicy.ROUND_ROBIN) {
            cluster.getRoundRobinLbConfigBuilder().setSlowStartConfig(slowStart(warmup));
        } else if (cluster.getLbPolicy() == Cluster.LbPolicy.LEAST_REQUEST) {
            cluster.getLeastRequestLbConfigBuilder().setSlowStartConfig(slowStart(warmup));
        }
    }

    private static Cluster.SlowStartConfig slowStart(LoadBalancer.Warmup from) {
        var config = Cluster.SlowStartConfig.newBuilder().setSlowStartWindow(duration(from.duration()));
        if (from.aggression() != null) {
            // Envoy refuses one without a runtime key; nobody sets this one.
            config.setAggression(RuntimeDouble.newBuilder()
                    .setDefaultValue(from.aggression())
                    .setRuntimeKey("mesh.warmup.aggression"));
        }
        if (from.minimumPercent() != null) {
            config.setMinWeightPercent(Percent.newBuilder().setValue(from.minimumPercent()));
        }
        return config.build();
    }

    private static void policy(Input in, Cluster.Builder cluster) {
        LoadBalancer from = in.policy().loadBalancer();
        Cluster.LbPolicy standard = in.proxyless() ? Cluster.LbPolicy.ROUND_ROBIN : Cluster.LbPolicy.LEAST_REQUEST;
        cluster.setLbPolicy(standard);
        if (from == null || from.policy() == null) {
            return;
        }
        switch (from.policy()) {
            case LoadBalancer.Policy.Simple(LoadBalancer.SimpleKind kind) ->
                cluster.setLbPolicy(
                        switch (kind) {
                            case ROUND_ROBIN -> Cluster.LbPolicy.ROUND_ROBIN;
                            case RANDOM -> in.proxyless() ? standard : Cluster.LbPolicy.RANDOM;
                            case UNSPECIFIED, LEAST_CONN, LEAST_REQUEST, PASSTHROUGH -> standard;
                        });
            case LoadBalancer.Policy.Hash(LoadBalancer.ConsistentHash hash) -> {
                if (hash.algorithm() instanceof LoadBalancer.HashAlgorithm.MaglevTable(LoadBalancer.Maglev maglev)
                        && !in.proxyless()) {
                    cluster.setLbPolicy(Cluster.LbPolicy.MAGLEV);
                    if (maglev.tableSize() > 0) {
                        cluster.getMaglevLbConfigBuilder().setTableSize(UInt64Value.of(maglev.tableSize()));
                    }
                } else {
                    long size = hash.algorithm() instanceof LoadBalancer.HashAlgorithm.Ring(LoadBalancer.RingHash ring)
                                    && ring.minimumRingSize() > 0
                            ? ring.minimumRingSize()
                            : hash.minimumRingSize();
                    cluster.setLbPolicy(Cluster.LbPolicy.RING_HASH);
                    cluster.getRingHashLbConfigBuilder().setMinimumRingSize(UInt64Value.of(size > 0 ? size : 1024));
                }
            }
            case LoadBalancer.Policy.Utilization ignored -> {}
        }
    }

    private static final Any HTTP2 = Resource.pack(HttpProtocolOptions.newBuilder()
            .setExplicitHttpConfig(HttpProtocolOptions.ExplicitHttpConfig.newBuilder()
                    .setHttp2ProtocolOptions(Http2ProtocolOptions.getDefaultInstance()))
            .build());

    /// Where requests to the workload itself go: the application.
    ///
    /// @param sources addresses that it is called from; empty: any
    record Inbound(int port, String address, int applicationPort, Protocol protocol, List<String> sources) {}

    static Resource inbound(Inbound in) {
        String name = Names.inbound(in.port());
        var cluster = Cluster.newBuilder()
                .setName(name)
                .setType(Cluster.DiscoveryType.STATIC)
                .setConnectTimeout(seconds(10))
                .setLoadAssignment(ClusterLoadAssignment.newBuilder()
                        .setClusterName(name)
                        .addEndpoints(LocalityLbEndpoints.newBuilder()
                                .addLbEndpoints(endpoint(in.address(), in.applicationPort(), 1))));
        bind(in.sources(), cluster);
        if (in.protocol() == Protocol.HTTP2) {
            cluster.putTypedExtensionProtocolOptions(HTTP_OPTIONS, HTTP2);
        }
        return Resource.of(XdsType.CLUSTER, name, cluster.build());
    }

    /// Where requests to the workload itself go that were intercepted: where the caller was going, which is the
    /// workload's own address, from an address that is not captured again. Never to what listens on loopback alone.
    ///
    /// @param name of the cluster
    /// @param protocol AUTO: the caller's, as far as it is HTTP
    /// @param sources addresses that it is called from
    record Captured(String name, Protocol protocol, List<String> sources) {}

    static Resource captured(Captured in) {
        var cluster = original(in.name());
        bind(in.sources(), cluster);
        if (in.protocol() == Protocol.HTTP2) {
            cluster.putTypedExtensionProtocolOptions(HTTP_OPTIONS, HTTP2);
        } else if (in.protocol() == Protocol.AUTO) {
            cluster.putTypedExtensionProtocolOptions(HTTP_OPTIONS, Resource.pack(asDownstream()));
        }
        return Resource.of(XdsType.CLUSTER, in.name(), cluster.build());
    }

    private static void bind(List<String> sources, Cluster.Builder cluster) {
        if (!sources.isEmpty()) {
            var bind = BindConfig.newBuilder().setSourceAddress(from(sources.getFirst()));
            sources.stream()
                    .skip(1)
                    .forEach(source -> bind.addExtraSourceAddresses(
                            ExtraSourceAddress.newBuilder().setAddress(from(source))));
            cluster.setUpstreamBindConfig(bind);
        }
    }

    private static HttpProtocolOptions asDownstream() {
        return HttpProtocolOptions.newBuilder()
                .setUseDownstreamProtocolConfig(HttpProtocolOptions.UseDownstreamHttpConfig.newBuilder()
                        .setHttpProtocolOptions(Http1ProtocolOptions.getDefaultInstance())
                        .setHttp2ProtocolOptions(Http2ProtocolOptions.getDefaultInstance()))
                .build();
    }

    private static Cluster.Builder original(String name) {
        var cluster = Cluster.newBuilder()
                .setName(name)
                .setType(Cluster.DiscoveryType.ORIGINAL_DST)
                .setLbPolicy(Cluster.LbPolicy.CLUSTER_PROVIDED)
                .setConnectTimeout(seconds(10));
        connectionPool(null, cluster);
        return cluster;
    }

    private static SocketAddress from(String address) {
        return SocketAddress.newBuilder().setAddress(address).setPortValue(0).build();
    }

    /// To hosts that the registry does not know, in the caller's version of HTTP if it is HTTP.
    static final Resource PASSTHROUGH = Resource.of(
            XdsType.CLUSTER,
            Names.PASSTHROUGH,
            original(Names.PASSTHROUGH)
                    .putTypedExtensionProtocolOptions(HTTP_OPTIONS, Resource.pack(asDownstream()))
                    .build());

    /// Has no hosts.
    static final Resource BLACK_HOLE = Resource.of(
            XdsType.CLUSTER,
            Names.BLACK_HOLE,
            Cluster.newBuilder()
                    .setName(Names.BLACK_HOLE)
                    .setType(Cluster.DiscoveryType.STATIC)
                    .setConnectTimeout(seconds(10))
                    .build());

    static Resource endpoints(Assignment in) {
        return Resource.of(XdsType.ENDPOINT, in.name(), assignment(in));
    }

    // What stands together: as near as each other, and in one locality.
    private record Group(int distance, String locality) implements Comparable<Group> {
        @Override
        public int compareTo(Group other) {
            int near = Integer.compare(distance, other.distance);
            return near == 0 ? locality.compareTo(other.locality) : near;
        }
    }

    // Each group has the sum of its weights. Priorities are without gaps, as Envoy wants them.
    private static ClusterLoadAssignment assignment(Assignment in) {
        var groups = new TreeMap<Group, List<Workload>>();
        for (Workload workload : in.workloads()) {
            if (workload.matches(in.labels())) {
                groups.computeIfAbsent(
                                new Group(Place.of(workload).distance(in.near()), workload.locality()),
                                any -> new ArrayList<>())
                        .add(workload);
            }
        }
        var distances = groups.keySet().stream().map(Group::distance).distinct().toList();
        var assignment = ClusterLoadAssignment.newBuilder().setClusterName(in.name());
        groups.forEach((of, workloads) -> {
            String locality = of.locality();
            var group = LocalityLbEndpoints.newBuilder()
                    .setPriority(distances.indexOf(of.distance()))
                    .setLoadBalancingWeight(UInt32Value.of(Math.max(
                            1,
                            workloads.stream()
                                    .filter(workload -> workload.health() == Workload.Health.HEALTHY)
                                    .mapToInt(Workload::weight)
                                    .sum())));
            if (!locality.isEmpty()) {
                group.setLocality(locality(locality));
            }
            workloads.forEach(workload -> {
                int port = targetPort(in.port(), workload);
                var endpoint = endpoint(workload.address(), port, workload.weight());
                if (!workload.otherAddress().isEmpty()) {
                    endpoint = alsoAt(workload.otherAddress(), port, endpoint);
                }
                group.addLbEndpoints(
                        workload.health() == Workload.Health.DRAINING
                                ? endpoint.toBuilder()
                                        .setHealthStatus(HealthStatus.DRAINING)
                                        .build()
                                : endpoint);
            });
            assignment.addEndpoints(group);
        });
        return assignment.build();
    }

    private static Locality locality(String written) {
        String[] parts = written.split("/", 3);
        return Locality.newBuilder()
                .setRegion(parts[0])
                .setZone(parts.length > 1 ? parts[1] : "")
                .setSubZone(parts.length > 2 ? parts[2] : "")
                .build();
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

    // The client tries both, and takes the one that answers first.
    private static LbEndpoint alsoAt(String address, int port, LbEndpoint endpoint) {
        var builder = endpoint.toBuilder();
        builder.getEndpointBuilder()
                .addAdditionalAddresses(Endpoint.AdditionalAddress.newBuilder()
                        .setAddress(Address.newBuilder()
                                .setSocketAddress(SocketAddress.newBuilder()
                                        .setAddress(address)
                                        .setPortValue(port))));
        return builder.build();
    }

    private static LbEndpoint endpoint(String address, int port, int weight) {
        var at = address.startsWith("unix://")
                ? Address.newBuilder()
                        .setPipe(io.envoyproxy.envoy.config.core.v3.Pipe.newBuilder()
                                .setPath(address.substring("unix://".length())))
                : Address.newBuilder()
                        .setSocketAddress(
                                SocketAddress.newBuilder().setAddress(address).setPortValue(port));
        return LbEndpoint.newBuilder()
                .setEndpoint(Endpoint.newBuilder().setAddress(at))
                .setLoadBalancingWeight(UInt32Value.of(weight))
                .build();
    }

    private static Duration seconds(int seconds) {
        return Duration.newBuilder().setSeconds(seconds).build();
    }

    static Duration duration(java.time.Duration from) {
        return Duration.newBuilder()
                .setSeconds(from.getSeconds())
                .setNanos(from.getNano())
                .build();
    }
}
