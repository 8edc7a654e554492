package dev.mesh.proxy.cluster;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import com.google.protobuf.Value;
import com.google.protobuf.util.Durations;
import dev.mesh.api.decide.MaglevTable;
import dev.mesh.proxy.codec.Http1Limits;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.stats.Scope;
import dev.mesh.proxy.tls.TlsContexts;
import dev.mesh.proxy.tls.UpstreamTls;
import io.envoyproxy.envoy.config.cluster.v3.CircuitBreakers;
import io.envoyproxy.envoy.config.cluster.v3.OutlierDetection;
import io.envoyproxy.envoy.config.core.v3.Http1ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.Http2ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.HttpProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.RoutingPriority;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest;
import io.envoyproxy.envoy.extensions.load_balancing_policies.maglev.v3.Maglev;
import io.envoyproxy.envoy.extensions.load_balancing_policies.random.v3.Random;
import io.envoyproxy.envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash;
import io.envoyproxy.envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// `envoy.config.cluster.v3.Cluster` → a cluster that is ready for hosts. Configuration thread.
public final class ClusterReader {
    private static final long MAX_MAGLEV = 5_000_011;
    private static final String HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

    private final Scope stats;

    public ClusterReader(Scope stats) {
        this.stats = stats;
    }

    /// How the hosts of a cluster are found.
    public enum Discovery {
        STATIC,
        STRICT_DNS,
        EDS,
        /// Accepted, but never has a host here: traffic with no original destination cannot be sent on.
        NO_HOSTS
    }

    /// A checked cluster.
    ///
    /// @param edsName name of its ClusterLoadAssignment, for EDS
    /// @param assignment for STATIC and STRICT_DNS
    public record Read(
            LiveCluster cluster,
            Discovery discovery,
            String edsName,
            ClusterLoadAssignment assignment,
            Duration dnsRefresh,
            @Nullable OutlierPolicy outliers) {}

    /// @throws ConfigRejected with every reason
    @SuppressWarnings("deprecation") // http2_protocol_options is what many still write
    public Read read(io.envoyproxy.envoy.config.cluster.v3.Cluster proto) throws ConfigRejected {
        var reasons = new ArrayList<String>();
        if (proto.getName().isEmpty()) {
            reasons.add("name: empty (expected: at least one character)");
        }
        Discovery discovery = discovery(proto, reasons);
        LbPolicy policy = policy(proto, reasons);
        if (proto.hasLbSubsetConfig() && proto.getLbSubsetConfig().getSubsetSelectorsCount() > 0) {
            reasons.add("lb_subset_config: not supported");
        }
        if (proto.getCommonLbConfig().getZoneAwareLbConfig().getFailTrafficOnPanic()) {
            reasons.add("common_lb_config.zone_aware_lb_config.fail_traffic_on_panic: not supported");
        }
        if (proto.getRoundRobinLbConfig().hasSlowStartConfig()
                || proto.getLeastRequestLbConfig().hasSlowStartConfig()) {
            reasons.add("slow_start_config: not supported");
        }
        if (proto.getTransportSocketMatchesCount() > 0) {
            reasons.add("transport_socket_matches: not supported");
        }
        if (proto.getHealthChecksCount() > 0) {
            reasons.add("health_checks: not supported");
        }
        if (proto.hasUpstreamBindConfig()) {
            reasons.add("upstream_bind_config: not supported");
        }
        var http = new HttpOptions();
        if (proto.hasHttp2ProtocolOptions()) {
            http.version = ClusterSpec.HttpVersion.HTTP_2;
            http.http2 = proto.getHttp2ProtocolOptions();
        }
        http.common = proto.getCommonHttpProtocolOptions();
        http.http1 = proto.getHttpProtocolOptions();
        Any typed = proto.getTypedExtensionProtocolOptionsMap().get(HTTP_OPTIONS);
        if (typed != null) {
            httpOptions(typed, http, reasons);
        }
        UpstreamTls tls = null;
        if (proto.hasTransportSocket()) {
            try {
                tls = TlsContexts.upstream(proto.getTransportSocket().getTypedConfig(), http.autoSanValidation);
            } catch (ConfigRejected e) {
                e.reasons().forEach(reason -> reasons.add("transport_socket." + reason));
            }
        }
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
        int maxRequests = Math.max(
                http.common.getMaxRequestsPerConnection().getValue(),
                proto.getMaxRequestsPerConnection().getValue());
        var spec = new ClusterSpec(
                proto.getName(),
                proto.getAltStatName().isEmpty() ? proto.getName() : proto.getAltStatName(),
                proto.hasConnectTimeout() ? duration(proto.getConnectTimeout()) : Duration.ofSeconds(5),
                http.version,
                http.common.hasIdleTimeout() ? duration(http.common.getIdleTimeout()) : Duration.ofHours(1),
                http.common.hasMaxConnectionDuration()
                        ? duration(http.common.getMaxConnectionDuration())
                        : Duration.ZERO,
                maxRequests,
                http.http2.getMaxConcurrentStreams().getValue(),
                http.http2.getInitialStreamWindowSize().getValue(),
                http.http2.getInitialConnectionWindowSize().getValue(),
                http1(http),
                proto.hasPerConnectionBufferLimitBytes()
                        ? Math.max(2, proto.getPerConnectionBufferLimitBytes().getValue())
                        : 1 << 20,
                tls,
                http.autoSni);
        OutlierPolicy outliers = proto.hasOutlierDetection() ? outliers(proto.getOutlierDetection()) : null;
        int panic = proto.getCommonLbConfig().hasHealthyPanicThreshold()
                ? (int) proto.getCommonLbConfig().getHealthyPanicThreshold().getValue()
                : 50;
        var cluster = new LiveCluster(
                spec,
                policy,
                localityWeighted(proto),
                panic,
                limits(proto.getCircuitBreakers(), RoutingPriority.DEFAULT),
                limits(proto.getCircuitBreakers(), RoutingPriority.HIGH),
                outliers,
                stats);
        String eds = proto.getEdsClusterConfig().getServiceName();
        return new Read(
                cluster,
                discovery,
                eds.isEmpty() ? proto.getName() : eds,
                proto.getLoadAssignment(),
                proto.hasDnsRefreshRate() ? duration(proto.getDnsRefreshRate()) : Duration.ofSeconds(5),
                outliers);
    }

    private static final class HttpOptions {
        private ClusterSpec.HttpVersion version = ClusterSpec.HttpVersion.HTTP_1;
        private Http2ProtocolOptions http2 = Http2ProtocolOptions.getDefaultInstance();
        private Http1ProtocolOptions http1 = Http1ProtocolOptions.getDefaultInstance();
        private HttpProtocolOptions common = HttpProtocolOptions.getDefaultInstance();
        private boolean autoSni;
        private boolean autoSanValidation;
    }

    private static void httpOptions(Any typed, HttpOptions http, List<String> reasons) {
        io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions options;
        try {
            options = typed.unpack(io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions.class);
        } catch (InvalidProtocolBufferException e) {
            reasons.add("typed_extension_protocol_options: not HttpProtocolOptions: " + e.getMessage());
            return;
        }
        if (options.hasCommonHttpProtocolOptions()) {
            http.common = options.getCommonHttpProtocolOptions();
        }
        http.autoSni = options.getUpstreamHttpProtocolOptions().getAutoSni();
        http.autoSanValidation = options.getUpstreamHttpProtocolOptions().getAutoSanValidation();
        if (options.getHttpFiltersCount() > 0) {
            reasons.add("typed_extension_protocol_options.http_filters: not supported");
        }
        switch (options.getUpstreamProtocolOptionsCase()) {
            case EXPLICIT_HTTP_CONFIG -> {
                switch (options.getExplicitHttpConfig().getProtocolConfigCase()) {
                    case HTTP2_PROTOCOL_OPTIONS -> {
                        http.version = ClusterSpec.HttpVersion.HTTP_2;
                        http.http2 = options.getExplicitHttpConfig().getHttp2ProtocolOptions();
                    }
                    case HTTP_PROTOCOL_OPTIONS ->
                        http.http1 = options.getExplicitHttpConfig().getHttpProtocolOptions();
                    case HTTP3_PROTOCOL_OPTIONS ->
                        reasons.add("typed_extension_protocol_options: HTTP/3 is not supported");
                    case PROTOCOLCONFIG_NOT_SET -> {}
                }
            }
            case USE_DOWNSTREAM_PROTOCOL_CONFIG -> {
                http.version = ClusterSpec.HttpVersion.SAME_AS_DOWNSTREAM;
                http.http2 = options.getUseDownstreamProtocolConfig().getHttp2ProtocolOptions();
                http.http1 = options.getUseDownstreamProtocolConfig().getHttpProtocolOptions();
            }
            case AUTO_CONFIG -> {
                http.version = ClusterSpec.HttpVersion.AUTO;
                http.http2 = options.getAutoConfig().getHttp2ProtocolOptions();
                http.http1 = options.getAutoConfig().getHttpProtocolOptions();
            }
            case UPSTREAMPROTOCOLOPTIONS_NOT_SET -> {}
        }
    }

    private static Http1Limits http1(HttpOptions http) {
        var usual = Http1Limits.DEFAULT;
        return new Http1Limits(
                http.common.hasMaxResponseHeadersKb()
                        ? http.common.getMaxResponseHeadersKb().getValue() * 1024
                        : usual.maxHeadBytes(),
                http.common.hasMaxHeadersCount()
                        ? http.common.getMaxHeadersCount().getValue()
                        : usual.maxHeaders(),
                http.http1.getEnableTrailers(),
                false,
                "",
                http.http1.getHeaderKeyFormat().hasProperCaseWords());
    }

    private static Discovery discovery(io.envoyproxy.envoy.config.cluster.v3.Cluster proto, List<String> reasons) {
        if (proto.hasClusterType()) {
            reasons.add(
                    "cluster_type: \"" + proto.getClusterType().getTypedConfig().getTypeUrl()
                            + "\" is not supported (expected: type STATIC, STRICT_DNS or EDS)");
            return Discovery.NO_HOSTS;
        }
        return switch (proto.getType()) {
            case STATIC -> Discovery.STATIC;
            case STRICT_DNS -> Discovery.STRICT_DNS;
            case EDS -> Discovery.EDS;
            case ORIGINAL_DST -> {
                if (!proto.getName().equals("PassthroughCluster")) {
                    reasons.add("type: ORIGINAL_DST is not supported (expected: STATIC, STRICT_DNS or EDS)");
                }
                yield Discovery.NO_HOSTS;
            }
            case LOGICAL_DNS, UNRECOGNIZED -> {
                reasons.add("type: " + proto.getType() + " is not supported (expected: STATIC, STRICT_DNS or EDS)");
                yield Discovery.NO_HOSTS;
            }
        };
    }

    @SuppressWarnings("deprecation") // lb_policy is the usual form
    private static LbPolicy policy(io.envoyproxy.envoy.config.cluster.v3.Cluster proto, List<String> reasons) {
        if (proto.hasLoadBalancingPolicy()) {
            return extension(proto, reasons);
        }
        return switch (proto.getLbPolicy()) {
            case ROUND_ROBIN -> new LbPolicy.RoundRobin();
            case LEAST_REQUEST -> {
                var config = proto.getLeastRequestLbConfig();
                yield new LbPolicy.LeastRequest(
                        config.hasChoiceCount() ? config.getChoiceCount().getValue() : 2);
            }
            case RANDOM -> new LbPolicy.Random();
            case RING_HASH -> {
                var config = proto.getRingHashLbConfig();
                if (config.getHashFunctionValue() == 1) {
                    reasons.add(
                            "ring_hash_lb_config.hash_function: MURMUR_HASH_2 is not supported (expected: XX_HASH)");
                }
                yield new LbPolicy.RingHash(
                        config.hasMinimumRingSize()
                                ? config.getMinimumRingSize().getValue()
                                : 1024,
                        config.hasMaximumRingSize()
                                ? config.getMaximumRingSize().getValue()
                                : 8_388_608);
            }
            case CLUSTER_PROVIDED -> new LbPolicy.RoundRobin();
            case MAGLEV ->
                maglev(
                        proto.getMaglevLbConfig().hasTableSize()
                                ? proto.getMaglevLbConfig().getTableSize().getValue()
                                : MaglevTable.USUAL_SIZE,
                        "maglev_lb_config.table_size",
                        reasons);
            case LOAD_BALANCING_POLICY_CONFIG, UNRECOGNIZED -> {
                reasons.add("lb_policy: " + proto.getLbPolicy()
                        + " is not supported (expected: ROUND_ROBIN, LEAST_REQUEST, RANDOM, RING_HASH or MAGLEV)");
                yield new LbPolicy.RoundRobin();
            }
        };
    }

    private static LbPolicy maglev(long size, String path, List<String> reasons) {
        if (size < 2 || size > MAX_MAGLEV || !BigInteger.valueOf(size).isProbablePrime(50)) {
            reasons.add(path + ": " + size + " (expected: a prime number up to " + MAX_MAGLEV + ")");
            return new LbPolicy.Maglev(MaglevTable.USUAL_SIZE);
        }
        return new LbPolicy.Maglev((int) size);
    }

    private static boolean localityWeighted(io.envoyproxy.envoy.config.cluster.v3.Cluster proto) {
        if (proto.getCommonLbConfig().hasLocalityWeightedLbConfig()) {
            return true;
        }
        for (var policy : proto.getLoadBalancingPolicy().getPoliciesList()) {
            Any typed = policy.getTypedExtensionConfig().getTypedConfig();
            try {
                if (typed.is(RoundRobin.class)) {
                    return typed.unpack(RoundRobin.class).getLocalityLbConfig().hasLocalityWeightedLbConfig();
                }
                if (typed.is(LeastRequest.class)) {
                    return typed.unpack(LeastRequest.class)
                            .getLocalityLbConfig()
                            .hasLocalityWeightedLbConfig();
                }
                if (typed.is(Random.class)) {
                    return typed.unpack(Random.class).getLocalityLbConfig().hasLocalityWeightedLbConfig();
                }
                if (typed.is(RingHash.class)) {
                    return typed.unpack(RingHash.class).hasLocalityWeightedLbConfig();
                }
                if (typed.is(Maglev.class)) {
                    return typed.unpack(Maglev.class).hasLocalityWeightedLbConfig();
                }
            } catch (InvalidProtocolBufferException e) {
                return false; // refused where the policy itself is read
            }
        }
        return false;
    }

    // The first that is known wins.
    private static LbPolicy extension(io.envoyproxy.envoy.config.cluster.v3.Cluster proto, List<String> reasons) {
        for (var policy : proto.getLoadBalancingPolicy().getPoliciesList()) {
            Any typed = policy.getTypedExtensionConfig().getTypedConfig();
            String type = typed.getTypeUrl().substring(typed.getTypeUrl().lastIndexOf('/') + 1);
            switch (type) {
                case "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin" -> {
                    return new LbPolicy.RoundRobin();
                }
                case "envoy.extensions.load_balancing_policies.random.v3.Random" -> {
                    return new LbPolicy.Random();
                }
                case "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest" -> {
                    LeastRequest config = unpack(typed, LeastRequest.getDefaultInstance(), reasons);
                    return new LbPolicy.LeastRequest(
                            config.hasChoiceCount() ? config.getChoiceCount().getValue() : 2);
                }
                case "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash" -> {
                    RingHash config = unpack(typed, RingHash.getDefaultInstance(), reasons);
                    return new LbPolicy.RingHash(
                            config.hasMinimumRingSize()
                                    ? config.getMinimumRingSize().getValue()
                                    : 1024,
                            config.hasMaximumRingSize()
                                    ? config.getMaximumRingSize().getValue()
                                    : 8_388_608);
                }
                case "envoy.extensions.load_balancing_policies.maglev.v3.Maglev" -> {
                    Maglev config = unpack(typed, Maglev.getDefaultInstance(), reasons);
                    return maglev(
                            config.hasTableSize() ? config.getTableSize().getValue() : MaglevTable.USUAL_SIZE,
                            "load_balancing_policy.table_size",
                            reasons);
                }
                default -> {}
            }
        }
        reasons.add(
                "load_balancing_policy: none of the policies is supported (expected: round_robin, least_request, random, ring_hash or maglev)");
        return new LbPolicy.RoundRobin();
    }

    @SuppressWarnings("unchecked") // the default instance says the type
    private static <T extends Message> T unpack(Any typed, T example, List<String> reasons) {
        try {
            return (T) example.newBuilderForType().mergeFrom(typed.getValue()).build();
        } catch (InvalidProtocolBufferException e) {
            reasons.add("load_balancing_policy: " + e.getMessage());
            return example;
        }
    }

    private static AtomicBreaker.Limits limits(CircuitBreakers breakers, RoutingPriority priority) {
        for (var threshold : breakers.getThresholdsList()) {
            if (threshold.getPriority() == priority) {
                return new AtomicBreaker.Limits(
                        limit(threshold.getMaxConnections(), threshold.hasMaxConnections(), 1024),
                        limit(threshold.getMaxPendingRequests(), threshold.hasMaxPendingRequests(), 1024),
                        limit(threshold.getMaxRequests(), threshold.hasMaxRequests(), 1024),
                        limit(threshold.getMaxRetries(), threshold.hasMaxRetries(), 3));
            }
        }
        return AtomicBreaker.Limits.DEFAULT;
    }

    private static int limit(UInt32Value value, boolean set, int otherwise) {
        return set ? (value.getValue() < 0 ? Integer.MAX_VALUE : value.getValue()) : otherwise;
    }

    private static OutlierPolicy outliers(OutlierDetection proto) {
        Duration base = proto.hasBaseEjectionTime() ? duration(proto.getBaseEjectionTime()) : Duration.ofSeconds(30);
        return new OutlierPolicy(
                or(proto.getConsecutive5Xx(), proto.hasConsecutive5Xx(), 5),
                or(proto.getEnforcingConsecutive5Xx(), proto.hasEnforcingConsecutive5Xx(), 100),
                or(proto.getConsecutiveGatewayFailure(), proto.hasConsecutiveGatewayFailure(), 5),
                or(proto.getEnforcingConsecutiveGatewayFailure(), proto.hasEnforcingConsecutiveGatewayFailure(), 0),
                or(proto.getConsecutiveLocalOriginFailure(), proto.hasConsecutiveLocalOriginFailure(), 5),
                or(
                        proto.getEnforcingConsecutiveLocalOriginFailure(),
                        proto.hasEnforcingConsecutiveLocalOriginFailure(),
                        100),
                proto.getSplitExternalLocalOriginErrors(),
                proto.hasInterval() ? duration(proto.getInterval()) : Duration.ofSeconds(10),
                base,
                proto.hasMaxEjectionTime() ? duration(proto.getMaxEjectionTime()) : Duration.ofSeconds(300),
                or(proto.getMaxEjectionPercent(), proto.hasMaxEjectionPercent(), 10),
                proto.getAlwaysEjectOneHost().getValue());
    }

    private static int or(UInt32Value value, boolean set, int otherwise) {
        return set ? value.getValue() : otherwise;
    }

    /// The hosts of a load assignment whose addresses are IP addresses; names are left to `resolver`.
    ///
    /// @throws ConfigRejected if an address cannot be used
    public static List<HostSpec> hosts(ClusterLoadAssignment assignment, Resolver resolver) throws ConfigRejected {
        var hosts = new ArrayList<HostSpec>();
        for (int i = 0; i < assignment.getEndpointsCount(); i++) {
            var locality = assignment.getEndpoints(i);
            String where = locality.getLocality().getRegion() + "/"
                    + locality.getLocality().getZone() + "/"
                    + locality.getLocality().getSubZone();
            int localityWeight = locality.hasLoadBalancingWeight()
                    ? (int) Math.min(
                            Integer.MAX_VALUE,
                            Integer.toUnsignedLong(
                                    locality.getLoadBalancingWeight().getValue()))
                    : 0;
            for (int j = 0; j < locality.getLbEndpointsCount(); j++) {
                var endpoint = locality.getLbEndpoints(j);
                SocketAddress address = endpoint.getEndpoint().getAddress().getSocketAddress();
                String path = "endpoints[" + i + "].lb_endpoints[" + j + "].endpoint.address";
                if (address.getAddress().isEmpty()) {
                    throw new ConfigRejected(path + ": not a socket address (expected: address and port_value)");
                }
                long weight = endpoint.hasLoadBalancingWeight()
                        ? endpoint.getLoadBalancingWeight().getValue()
                        : 1;
                boolean healthy = switch (endpoint.getHealthStatus()) {
                    case UNKNOWN, HEALTHY, DEGRADED -> true;
                    case UNHEALTHY, DRAINING, TIMEOUT, UNRECOGNIZED -> false;
                };
                String hostname = endpoint.getEndpoint().getHostname();
                for (InetAddress resolved : resolver.resolve(address.getAddress(), path)) {
                    hosts.add(new HostSpec(
                            new InetSocketAddress(resolved, address.getPortValue()),
                            hostname.isEmpty() && resolver.names() ? address.getAddress() : hostname,
                            where,
                            locality.getPriority(),
                            Math.clamp(weight, 1, Integer.MAX_VALUE),
                            localityWeight,
                            healthy,
                            metadata(endpoint.getMetadata().getFilterMetadataMap())));
                }
            }
        }
        return hosts;
    }

    /// Addresses of a name.
    public interface Resolver {
        /// @param path where the address stands
        /// @throws ConfigRejected if it is none
        List<InetAddress> resolve(String address, String path) throws ConfigRejected;

        /// Whether names are allowed.
        boolean names();

        /// IP addresses only.
        Resolver LITERALS = new Resolver() {
            @Override
            public List<InetAddress> resolve(String address, String path) throws ConfigRejected {
                try {
                    return List.of(InetAddress.ofLiteral(address));
                } catch (IllegalArgumentException e) {
                    throw new ConfigRejected(path + ": \"" + address + "\" (expected: an IP address)");
                }
            }

            @Override
            public boolean names() {
                return false;
            }
        };
    }

    private static Map<String, Object> metadata(Map<String, com.google.protobuf.Struct> filters) {
        var plain = new LinkedHashMap<String, Object>();
        new TreeMap<>(filters).forEach((name, struct) -> {
            var fields = new LinkedHashMap<String, Object>();
            struct.getFieldsMap().forEach((field, value) -> fields.put(field, plain(value)));
            plain.put(name, fields);
        });
        return plain;
    }

    private static Object plain(Value value) {
        return switch (value.getKindCase()) {
            case STRING_VALUE -> value.getStringValue();
            case NUMBER_VALUE -> value.getNumberValue();
            case BOOL_VALUE -> value.getBoolValue();
            case STRUCT_VALUE, LIST_VALUE, NULL_VALUE, KIND_NOT_SET -> value.toString();
        };
    }

    private static Duration duration(com.google.protobuf.Duration proto) {
        return Duration.ofNanos(Durations.toNanos(proto));
    }
}
