package dev.mesh.proxy.cluster;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import com.google.protobuf.Value;
import com.google.protobuf.util.Durations;
import dev.mesh.api.decide.MaglevTable;
import dev.mesh.api.decide.compile.Fields;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.proxy.codec.Http1Limits;
import dev.mesh.proxy.codec.Http2Limits;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.stats.Scope;
import dev.mesh.proxy.tls.Secrets;
import dev.mesh.proxy.tls.TlsContexts;
import dev.mesh.proxy.tls.UpstreamTls;
import io.envoyproxy.envoy.config.cluster.v3.CircuitBreakers;
import io.envoyproxy.envoy.config.cluster.v3.Cluster.DnsLookupFamily;
import io.envoyproxy.envoy.config.cluster.v3.OutlierDetection;
import io.envoyproxy.envoy.config.cluster.v3.UpstreamConnectionOptions;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.BindConfig;
import io.envoyproxy.envoy.config.core.v3.Http1ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.Http2ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.HttpProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.RoutingPriority;
import io.envoyproxy.envoy.config.core.v3.RuntimeDouble;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.endpoint.v3.Endpoint;
import io.envoyproxy.envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig;
import io.envoyproxy.envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest;
import io.envoyproxy.envoy.extensions.load_balancing_policies.maglev.v3.Maglev;
import io.envoyproxy.envoy.extensions.load_balancing_policies.random.v3.Random;
import io.envoyproxy.envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash;
import io.envoyproxy.envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin;
import io.envoyproxy.envoy.type.v3.Percent;
import java.math.BigInteger;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// `envoy.config.cluster.v3.Cluster` → a cluster that is ready for hosts. Configuration thread.
public final class ClusterReader {
    // Of the operating system (sun_path).
    private static final int MAX_PIPE = 107;
    private static final long MAX_MAGLEV = 5_000_011;
    private static final int CLUSTER_PROVIDED = 6;
    private static final String HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

    private final Scope stats;
    private final Secrets secrets;

    /// @param secrets that clusters may name
    public ClusterReader(Scope stats, Secrets secrets) {
        this.stats = stats;
        this.secrets = secrets;
    }

    /// How the hosts of a cluster are found.
    public enum Discovery {
        STATIC,
        STRICT_DNS,
        EDS,
        /// Hosts are where clients were going.
        ORIGINAL_DST
    }

    /// A checked cluster.
    ///
    /// @param edsName name of its ClusterLoadAssignment, for EDS
    /// @param assignment for STATIC and STRICT_DNS
    /// @param family of the addresses, for STRICT_DNS
    /// @param original for ORIGINAL_DST
    /// @param secrets that its TLS names
    public record Read(
            LiveCluster cluster,
            Discovery discovery,
            String edsName,
            ClusterLoadAssignment assignment,
            Duration dnsRefresh,
            DnsLookupFamily family,
            @Nullable OutlierPolicy outliers,
            @Nullable OriginalDestination original,
            List<String> secrets) {}

    /// @throws ConfigRejected with every reason
    @SuppressWarnings("deprecation") // http2_protocol_options is what many still write
    public Read read(io.envoyproxy.envoy.config.cluster.v3.Cluster proto) throws ConfigRejected {
        var reasons = new ArrayList<String>();
        if (proto.getName().isEmpty()) {
            reasons.add("name: empty (expected: at least one character)");
        }
        Discovery discovery = discovery(proto, reasons);
        LbPolicy policy = policy(proto, reasons);
        OriginalDestination original = original(proto, discovery, reasons);
        ClusterSpec.Sources sources = sources(proto.getUpstreamBindConfig(), reasons);
        guard(proto, reasons);
        var http = new HttpOptions();
        if (proto.hasHttp2ProtocolOptions()) {
            http2Guard(proto.getHttp2ProtocolOptions(), "http2_protocol_options", reasons);
            http.version = ClusterSpec.HttpVersion.HTTP_2;
            http.http2 = proto.getHttp2ProtocolOptions();
        }
        http.common = proto.getCommonHttpProtocolOptions();
        commonGuard(http.common, "common_http_protocol_options", reasons);
        http.http1 = proto.getHttpProtocolOptions();
        http1Guard(http.http1, "http_protocol_options", reasons);
        Any typed = proto.getTypedExtensionProtocolOptionsMap().get(HTTP_OPTIONS);
        if (typed != null) {
            httpOptions(typed, http, reasons);
        }
        UpstreamTls tls = null;
        if (proto.hasTransportSocket()) {
            try {
                tls = TlsContexts.upstream(
                        proto.getTransportSocket().getTypedConfig(), http.autoSanValidation, secrets);
            } catch (ConfigRejected e) {
                e.reasons().forEach(reason -> reasons.add("transport_socket." + reason));
            }
        }
        if (discovery == Discovery.STRICT_DNS) {
            // What the resolver has no part in is wrong at once, and not only in the log of its thread.
            try {
                hosts(proto.getLoadAssignment(), Resolver.ANY_NAME);
            } catch (ConfigRejected e) {
                e.reasons().forEach(reason -> reasons.add("load_assignment." + reason));
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
                http.autoSni,
                tcpKeepAlive(proto.getUpstreamConnectionOptions()),
                http2KeepAlive(http.http2),
                sources);
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
                original,
                stats);
        String eds = proto.getEdsClusterConfig().getServiceName();
        return new Read(
                cluster,
                discovery,
                eds.isEmpty() ? proto.getName() : eds,
                proto.getLoadAssignment(),
                proto.hasDnsRefreshRate() ? duration(proto.getDnsRefreshRate()) : Duration.ofSeconds(5),
                proto.getDnsLookupFamily(),
                outliers,
                original,
                tls == null ? List.of() : tls.secrets());
    }

    // Refuses what is set and would be ignored.
    private static void guard(io.envoyproxy.envoy.config.cluster.v3.Cluster proto, List<String> reasons) {
        Fields.of(proto, "")
                .honours(
                        "name",
                        "alt_stat_name",
                        "type",
                        "cluster_type", // refused where the type is read
                        "eds_cluster_config",
                        "connect_timeout",
                        "per_connection_buffer_limit_bytes",
                        "lb_policy",
                        "load_assignment",
                        "max_requests_per_connection",
                        "circuit_breakers",
                        "common_http_protocol_options",
                        "http_protocol_options",
                        "http2_protocol_options",
                        "typed_extension_protocol_options",
                        "dns_refresh_rate",
                        "dns_lookup_family",
                        "outlier_detection",
                        "ring_hash_lb_config",
                        "maglev_lb_config",
                        "least_request_lb_config",
                        "round_robin_lb_config",
                        "common_lb_config",
                        "transport_socket",
                        "metadata",
                        "upstream_connection_options",
                        "load_balancing_policy",
                        "lb_subset_config",
                        "original_dst_lb_config",
                        "cleanup_interval",
                        "upstream_bind_config",
                        // Without active health checks a host that left is gone at once, as it asks.
                        "ignore_health_on_host_removal")
                .offOnly("connection_pool_per_downstream_connection")
                .refuseOthers(reasons);
        if (proto.getLbSubsetConfig().getSubsetSelectorsCount() > 0) {
            reasons.add("lb_subset_config: not supported");
        }
        Fields.of(proto.getEdsClusterConfig(), "eds_cluster_config")
                .honours("eds_config", "service_name")
                .refuseOthers(reasons);
        var common = proto.getCommonLbConfig();
        // Updates are never merged, so that they are in effect sooner; zones count only to who knows its own.
        Fields.of(common, "common_lb_config")
                .honours(
                        "healthy_panic_threshold",
                        "zone_aware_lb_config",
                        "locality_weighted_lb_config",
                        "update_merge_window")
                .refuseOthers(reasons);
        if (common.getZoneAwareLbConfig().getFailTrafficOnPanic()) {
            reasons.add("common_lb_config.zone_aware_lb_config.fail_traffic_on_panic: not supported");
        }
        Fields.of(proto.getRoundRobinLbConfig(), "round_robin_lb_config")
                .honours("slow_start_config")
                .refuseOthers(reasons);
        Fields.of(proto.getLeastRequestLbConfig(), "least_request_lb_config")
                .honours("choice_count", "active_request_bias", "slow_start_config")
                .refuseOthers(reasons);
        Fields.of(proto.getRingHashLbConfig(), "ring_hash_lb_config")
                .honours("minimum_ring_size", "maximum_ring_size", "hash_function")
                .refuseOthers(reasons);
        Fields.of(proto.getUpstreamConnectionOptions(), "upstream_connection_options")
                .honours("tcp_keepalive")
                .refuseOthers(reasons);
        var breakers = proto.getCircuitBreakers();
        Fields.of(breakers, "circuit_breakers").honours("thresholds").refuseOthers(reasons);
        for (int i = 0; i < breakers.getThresholdsCount(); i++) {
            Fields.of(breakers.getThresholds(i), "circuit_breakers.thresholds[" + i + "]")
                    .honours("priority", "max_connections", "max_pending_requests", "max_requests", "max_retries")
                    .refuseOthers(reasons);
        }
        outlierGuard(proto.getOutlierDetection(), reasons);
        proto.getTypedExtensionProtocolOptionsMap().keySet().stream()
                .filter(name -> !name.equals(HTTP_OPTIONS))
                .sorted()
                .forEach(name -> reasons.add("typed_extension_protocol_options." + name + ": not supported (expected: "
                        + HTTP_OPTIONS + ")"));
    }

    private static void outlierGuard(OutlierDetection proto, List<String> reasons) {
        Fields.of(proto, "outlier_detection")
                .honours(
                        "consecutive_5xx",
                        "interval",
                        "base_ejection_time",
                        "max_ejection_percent",
                        "enforcing_consecutive_5xx",
                        "consecutive_gateway_failure",
                        "enforcing_consecutive_gateway_failure",
                        "split_external_local_origin_errors",
                        "consecutive_local_origin_failure",
                        "enforcing_consecutive_local_origin_failure",
                        "max_ejection_time",
                        "max_ejection_time_jitter",
                        "always_eject_one_host",
                        "success_rate_minimum_hosts",
                        "success_rate_request_volume",
                        "success_rate_stdev_factor",
                        "enforcing_success_rate",
                        "enforcing_local_origin_success_rate",
                        "failure_percentage_threshold",
                        "failure_percentage_minimum_hosts",
                        "failure_percentage_request_volume",
                        "enforcing_failure_percentage",
                        "enforcing_failure_percentage_local_origin",
                        // Nothing is ejected or let back by active health checks, which are refused.
                        "successful_active_health_check_uneject_host")
                .refuseOthers(reasons);
        percent(proto.getMaxEjectionPercent(), "max_ejection_percent", reasons);
        percent(proto.getEnforcingConsecutive5Xx(), "enforcing_consecutive_5xx", reasons);
        percent(proto.getEnforcingConsecutiveGatewayFailure(), "enforcing_consecutive_gateway_failure", reasons);
        percent(
                proto.getEnforcingConsecutiveLocalOriginFailure(),
                "enforcing_consecutive_local_origin_failure",
                reasons);
        percent(proto.getEnforcingSuccessRate(), "enforcing_success_rate", reasons);
        percent(proto.getEnforcingLocalOriginSuccessRate(), "enforcing_local_origin_success_rate", reasons);
        percent(proto.getFailurePercentageThreshold(), "failure_percentage_threshold", reasons);
        percent(proto.getEnforcingFailurePercentage(), "enforcing_failure_percentage", reasons);
        percent(proto.getEnforcingFailurePercentageLocalOrigin(), "enforcing_failure_percentage_local_origin", reasons);
        aboveZero(proto.hasInterval(), proto.getInterval(), "interval", reasons);
        aboveZero(proto.hasBaseEjectionTime(), proto.getBaseEjectionTime(), "base_ejection_time", reasons);
        aboveZero(proto.hasMaxEjectionTime(), proto.getMaxEjectionTime(), "max_ejection_time", reasons);
        Duration base = baseEjection(proto);
        if (proto.hasMaxEjectionTime() && duration(proto.getMaxEjectionTime()).compareTo(base) < 0) {
            reasons.add("outlier_detection.max_ejection_time: shorter than base_ejection_time (expected: at least "
                    + base.toMillis() + " ms)");
        }
    }

    private static void percent(UInt32Value value, String field, List<String> reasons) {
        if (Integer.toUnsignedLong(value.getValue()) > 100) {
            reasons.add("outlier_detection." + field + ": " + Integer.toUnsignedString(value.getValue())
                    + " (expected: 0-100)");
        }
    }

    private static void aboveZero(boolean set, com.google.protobuf.Duration value, String field, List<String> reasons) {
        if (set && Durations.toNanos(value) <= 0) {
            reasons.add("outlier_detection." + field + ": not above 0");
        }
    }

    private static void commonGuard(HttpProtocolOptions proto, String path, List<String> reasons) {
        Fields.of(proto, path)
                .honours(
                        "idle_timeout",
                        "max_connection_duration",
                        "max_headers_count",
                        "max_response_headers_kb",
                        "max_requests_per_connection")
                .refuseOthers(reasons);
    }

    private static void http1Guard(Http1ProtocolOptions proto, String path, List<String> reasons) {
        Fields.of(proto, path)
                .honours("enable_trailers", "header_key_format")
                // What only servers ask.
                .honours("accept_http_10", "default_host_for_http_10", "allow_absolute_url")
                .refuseOthers(reasons);
        if (proto.hasHeaderKeyFormat() && !proto.getHeaderKeyFormat().hasProperCaseWords()) {
            reasons.add(path + ".header_key_format: not supported (expected: proper_case_words)");
        }
    }

    private static void http2Guard(Http2ProtocolOptions proto, String path, List<String> reasons) {
        Fields.of(proto, path)
                .honours(
                        "max_concurrent_streams",
                        "initial_stream_window_size",
                        "initial_connection_window_size",
                        "connection_keepalive",
                        "allow_connect") // what only servers ask
                .offOnly("override_stream_error_on_invalid_http_message")
                .refuseOthers(reasons);
        var keepAlive = proto.getConnectionKeepalive();
        Fields.of(keepAlive, path + ".connection_keepalive")
                .honours("interval", "timeout", "interval_jitter")
                .refuseOthers(reasons);
        if (proto.hasConnectionKeepalive() && Durations.toNanos(keepAlive.getTimeout()) < 1_000_000) {
            reasons.add(path + ".connection_keepalive.timeout: unset or too short (expected: at least 1 ms)");
        }
        if (keepAlive.hasInterval() && Durations.toNanos(keepAlive.getInterval()) < 1_000_000) {
            reasons.add(path + ".connection_keepalive.interval: too short (expected: at least 1 ms)");
        }
    }

    private static Http2Limits.@Nullable KeepAlive http2KeepAlive(Http2ProtocolOptions proto) {
        var keepAlive = proto.getConnectionKeepalive();
        return keepAlive.hasInterval()
                ? new Http2Limits.KeepAlive(
                        duration(keepAlive.getInterval()),
                        duration(keepAlive.getTimeout()),
                        keepAlive.hasIntervalJitter()
                                ? keepAlive.getIntervalJitter().getValue()
                                : 15)
                : null;
    }

    private static ClusterSpec.@Nullable TcpKeepAlive tcpKeepAlive(UpstreamConnectionOptions proto) {
        var keepAlive = proto.getTcpKeepalive();
        return proto.hasTcpKeepalive()
                ? new ClusterSpec.TcpKeepAlive(
                        keepAlive.getKeepaliveProbes().getValue(),
                        keepAlive.getKeepaliveTime().getValue(),
                        keepAlive.getKeepaliveInterval().getValue())
                : null;
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
            options = Packed.unpack(
                    typed, io.envoyproxy.envoy.extensions.upstreams.http.v3.HttpProtocolOptions.getDefaultInstance());
        } catch (InvalidProtocolBufferException e) {
            reasons.add("typed_extension_protocol_options: not HttpProtocolOptions: " + e.getMessage());
            return;
        }
        String path = "typed_extension_protocol_options";
        Fields.of(options, path)
                .honours(
                        "common_http_protocol_options",
                        "upstream_http_protocol_options",
                        "explicit_http_config",
                        "use_downstream_protocol_config",
                        "auto_config") // refused below
                .refuseOthers(reasons);
        Fields.of(options.getUpstreamHttpProtocolOptions(), path + ".upstream_http_protocol_options")
                .honours("auto_sni", "auto_san_validation")
                .refuseOthers(reasons);
        commonGuard(options.getCommonHttpProtocolOptions(), path + ".common_http_protocol_options", reasons);
        if (options.hasCommonHttpProtocolOptions()) {
            http.common = options.getCommonHttpProtocolOptions();
        }
        http.autoSni = options.getUpstreamHttpProtocolOptions().getAutoSni();
        http.autoSanValidation = options.getUpstreamHttpProtocolOptions().getAutoSanValidation();
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
            case AUTO_CONFIG ->
                reasons.add(path + ".auto_config: not supported (expected: explicit_http_config or"
                        + " use_downstream_protocol_config)");
            case UPSTREAMPROTOCOLOPTIONS_NOT_SET -> {}
        }
        http1Guard(http.http1, path + ".http_protocol_options", reasons);
        http2Guard(http.http2, path + ".http2_protocol_options", reasons);
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
            return Discovery.STATIC;
        }
        return switch (proto.getType()) {
            case STATIC -> Discovery.STATIC;
            case STRICT_DNS -> Discovery.STRICT_DNS;
            case EDS -> Discovery.EDS;
            case ORIGINAL_DST -> Discovery.ORIGINAL_DST;
            case LOGICAL_DNS, UNRECOGNIZED -> {
                reasons.add("type: " + proto.getType()
                        + " is not supported (expected: STATIC, STRICT_DNS, EDS or ORIGINAL_DST)");
                yield Discovery.STATIC;
            }
        };
    }

    // Where clients were going decides, so nothing else may (Envoy, "Original destination").
    private static @Nullable OriginalDestination original(
            io.envoyproxy.envoy.config.cluster.v3.Cluster proto, Discovery discovery, List<String> reasons) {
        boolean provided = !proto.hasLoadBalancingPolicy() && proto.getLbPolicyValue() == CLUSTER_PROVIDED;
        var config = proto.getOriginalDstLbConfig();
        if (discovery != Discovery.ORIGINAL_DST) {
            if (provided) {
                reasons.add("lb_policy: CLUSTER_PROVIDED (expected: only with type ORIGINAL_DST)");
            }
            if (proto.hasOriginalDstLbConfig()) {
                reasons.add("original_dst_lb_config: set (expected: only with type ORIGINAL_DST)");
            }
            return null;
        }
        if (!provided) {
            reasons.add("lb_policy: " + proto.getLbPolicy() + " (expected: CLUSTER_PROVIDED with type ORIGINAL_DST)");
        }
        if (proto.hasLoadAssignment()) {
            reasons.add("load_assignment: set (expected: none with type ORIGINAL_DST)");
        }
        Fields.of(config, "original_dst_lb_config")
                .honours("use_http_header", "http_header_name", "upstream_port_override")
                .refuseOthers(reasons);
        int port = config.getUpstreamPortOverride().getValue();
        if (port < 0 || port > 65535) {
            reasons.add("original_dst_lb_config.upstream_port_override: " + Integer.toUnsignedString(port)
                    + " (expected: 0-65535)");
        }
        if (proto.hasCleanupInterval() && Durations.toNanos(proto.getCleanupInterval()) <= 0) {
            reasons.add("cleanup_interval: not above 0");
        }
        String named = config.getHttpHeaderName().isEmpty()
                ? "x-envoy-original-dst-host"
                : config.getHttpHeaderName().toLowerCase(Locale.ROOT);
        return new OriginalDestination(
                config.getUseHttpHeader() ? named : "",
                port,
                proto.hasCleanupInterval() ? duration(proto.getCleanupInterval()) : Duration.ofSeconds(5));
    }

    private static ClusterSpec.Sources sources(BindConfig proto, List<String> reasons) {
        String path = "upstream_bind_config";
        Fields.of(proto, path)
                .honours("source_address", "freebind", "extra_source_addresses")
                .refuseOthers(reasons);
        var addresses = new ArrayList<InetSocketAddress>();
        if (proto.hasSourceAddress()) {
            source(proto.getSourceAddress(), path + ".source_address", addresses, reasons);
        }
        for (int i = 0; i < proto.getExtraSourceAddressesCount(); i++) {
            var extra = proto.getExtraSourceAddresses(i);
            String at = path + ".extra_source_addresses[" + i + "]";
            Fields.of(extra, at).honours("address").refuseOthers(reasons);
            source(extra.getAddress(), at + ".address", addresses, reasons);
        }
        return new ClusterSpec.Sources(
                List.copyOf(addresses), proto.getFreebind().getValue());
    }

    private static void source(
            io.envoyproxy.envoy.config.core.v3.SocketAddress from,
            String path,
            List<InetSocketAddress> addresses,
            List<String> reasons) {
        Fields.of(from, path).honours("address", "port_value").refuseOthers(reasons);
        try {
            addresses.add(new InetSocketAddress(InetAddress.ofLiteral(from.getAddress()), from.getPortValue()));
        } catch (IllegalArgumentException e) {
            reasons.add(path + ": \"" + from.getAddress() + ":" + Integer.toUnsignedString(from.getPortValue())
                    + "\" (expected: an IP address and a port)");
        }
    }

    @SuppressWarnings("deprecation") // lb_policy is the usual form
    private static LbPolicy policy(io.envoyproxy.envoy.config.cluster.v3.Cluster proto, List<String> reasons) {
        if (proto.hasLoadBalancingPolicy()) {
            return extension(proto, reasons);
        }
        return switch (proto.getLbPolicy()) {
            case ROUND_ROBIN ->
                new LbPolicy.RoundRobin(slowStart(
                        proto.getRoundRobinLbConfig().getSlowStartConfig(),
                        "round_robin_lb_config.slow_start_config",
                        reasons));
            case LEAST_REQUEST -> {
                var config = proto.getLeastRequestLbConfig();
                yield new LbPolicy.LeastRequest(
                        config.hasChoiceCount() ? config.getChoiceCount().getValue() : 2,
                        bias(
                                config.hasActiveRequestBias(),
                                config.getActiveRequestBias(),
                                "least_request_lb_config",
                                reasons),
                        slowStart(config.getSlowStartConfig(), "least_request_lb_config.slow_start_config", reasons));
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

    private static @Nullable SlowStart slowStart(
            io.envoyproxy.envoy.config.cluster.v3.Cluster.SlowStartConfig proto, String path, List<String> reasons) {
        Fields.of(proto, path)
                .honours("slow_start_window", "aggression", "min_weight_percent")
                .refuseOthers(reasons);
        return slowStart(
                proto.getSlowStartWindow(),
                proto.getAggression(),
                proto.hasMinWeightPercent(),
                proto.getMinWeightPercent(),
                path,
                reasons);
    }

    // The same message again, of another type.
    private static @Nullable SlowStart slowStart(SlowStartConfig proto, List<String> reasons) {
        String path = "load_balancing_policy.slow_start_config";
        Fields.of(proto, path)
                .honours("slow_start_window", "aggression", "min_weight_percent")
                .refuseOthers(reasons);
        return slowStart(
                proto.getSlowStartWindow(),
                proto.getAggression(),
                proto.hasMinWeightPercent(),
                proto.getMinWeightPercent(),
                path,
                reasons);
    }

    private static @Nullable SlowStart slowStart(
            com.google.protobuf.Duration window,
            RuntimeDouble aggression,
            boolean hasMinimum,
            Percent minimum,
            String path,
            List<String> reasons) {
        if (minimum.getValue() < 0 || minimum.getValue() > 100) {
            reasons.add(path + ".min_weight_percent: " + minimum.getValue() + " (expected: 0-100)");
        }
        // Envoy takes what is not above 0 for 1.
        double exponent = aggression.getDefaultValue() > 0 ? aggression.getDefaultValue() : 1;
        return Durations.toMillis(window) <= 0
                ? null
                : new SlowStart(duration(window), exponent, hasMinimum ? minimum.getValue() / 100 : 0.1);
    }

    private static double bias(boolean set, RuntimeDouble proto, String path, List<String> reasons) {
        if (set && !(proto.getDefaultValue() >= 0)) {
            reasons.add(path + ".active_request_bias: " + proto.getDefaultValue() + " (expected: 0 or more)");
        }
        return set ? proto.getDefaultValue() : 1;
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
                if (Packed.is(typed, RoundRobin.getDefaultInstance())) {
                    return Packed.unpack(typed, RoundRobin.getDefaultInstance())
                            .getLocalityLbConfig()
                            .hasLocalityWeightedLbConfig();
                }
                if (Packed.is(typed, LeastRequest.getDefaultInstance())) {
                    return Packed.unpack(typed, LeastRequest.getDefaultInstance())
                            .getLocalityLbConfig()
                            .hasLocalityWeightedLbConfig();
                }
                if (Packed.is(typed, Random.getDefaultInstance())) {
                    return Packed.unpack(typed, Random.getDefaultInstance())
                            .getLocalityLbConfig()
                            .hasLocalityWeightedLbConfig();
                }
                if (Packed.is(typed, RingHash.getDefaultInstance())) {
                    return Packed.unpack(typed, RingHash.getDefaultInstance()).hasLocalityWeightedLbConfig();
                }
                if (Packed.is(typed, Maglev.getDefaultInstance())) {
                    return Packed.unpack(typed, Maglev.getDefaultInstance()).hasLocalityWeightedLbConfig();
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
                    RoundRobin config = unpack(typed, RoundRobin.getDefaultInstance(), reasons);
                    extensionGuard(config, reasons, "locality_lb_config", "slow_start_config");
                    return new LbPolicy.RoundRobin(slowStart(config.getSlowStartConfig(), reasons));
                }
                case "envoy.extensions.load_balancing_policies.random.v3.Random" -> {
                    extensionGuard(unpack(typed, Random.getDefaultInstance(), reasons), reasons, "locality_lb_config");
                    return new LbPolicy.Random();
                }
                case "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest" -> {
                    LeastRequest config = unpack(typed, LeastRequest.getDefaultInstance(), reasons);
                    extensionGuard(
                            config,
                            reasons,
                            "choice_count",
                            "active_request_bias",
                            "locality_lb_config",
                            "slow_start_config");
                    return new LbPolicy.LeastRequest(
                            config.hasChoiceCount() ? config.getChoiceCount().getValue() : 2,
                            bias(
                                    config.hasActiveRequestBias(),
                                    config.getActiveRequestBias(),
                                    "load_balancing_policy",
                                    reasons),
                            slowStart(config.getSlowStartConfig(), reasons));
                }
                case "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash" -> {
                    RingHash config = unpack(typed, RingHash.getDefaultInstance(), reasons);
                    extensionGuard(
                            config,
                            reasons,
                            "hash_function",
                            "minimum_ring_size",
                            "maximum_ring_size",
                            "locality_weighted_lb_config");
                    if (config.getHashFunctionValue() > 1) {
                        reasons.add("load_balancing_policy.hash_function: " + config.getHashFunction()
                                + " is not supported (expected: XX_HASH)");
                    }
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
                    extensionGuard(config, reasons, "table_size", "locality_weighted_lb_config");
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

    private static void extensionGuard(Message config, List<String> reasons, String... honoured) {
        Fields.of(config, "load_balancing_policy").honours(honoured).refuseOthers(reasons);
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
        Duration base = baseEjection(proto);
        Duration usualMax = Duration.ofMinutes(5);
        Duration max = proto.hasMaxEjectionTime()
                ? duration(proto.getMaxEjectionTime())
                : usualMax.compareTo(base) > 0 ? usualMax : base;
        return new OutlierPolicy(
                new OutlierPolicy.InARow(
                        or(proto.getConsecutive5Xx(), proto.hasConsecutive5Xx(), 5),
                        or(proto.getEnforcingConsecutive5Xx(), proto.hasEnforcingConsecutive5Xx(), 100)),
                new OutlierPolicy.InARow(
                        or(proto.getConsecutiveGatewayFailure(), proto.hasConsecutiveGatewayFailure(), 5),
                        or(
                                proto.getEnforcingConsecutiveGatewayFailure(),
                                proto.hasEnforcingConsecutiveGatewayFailure(),
                                0)),
                new OutlierPolicy.InARow(
                        or(proto.getConsecutiveLocalOriginFailure(), proto.hasConsecutiveLocalOriginFailure(), 5),
                        or(
                                proto.getEnforcingConsecutiveLocalOriginFailure(),
                                proto.hasEnforcingConsecutiveLocalOriginFailure(),
                                100)),
                proto.getSplitExternalLocalOriginErrors(),
                new OutlierPolicy.SuccessRate(
                        or(proto.getSuccessRateMinimumHosts(), proto.hasSuccessRateMinimumHosts(), 5),
                        or(proto.getSuccessRateRequestVolume(), proto.hasSuccessRateRequestVolume(), 100),
                        or(proto.getSuccessRateStdevFactor(), proto.hasSuccessRateStdevFactor(), 1900),
                        or(proto.getEnforcingSuccessRate(), proto.hasEnforcingSuccessRate(), 100),
                        or(
                                proto.getEnforcingLocalOriginSuccessRate(),
                                proto.hasEnforcingLocalOriginSuccessRate(),
                                100)),
                new OutlierPolicy.FailurePercentage(
                        or(proto.getFailurePercentageMinimumHosts(), proto.hasFailurePercentageMinimumHosts(), 5),
                        or(proto.getFailurePercentageRequestVolume(), proto.hasFailurePercentageRequestVolume(), 50),
                        or(proto.getFailurePercentageThreshold(), proto.hasFailurePercentageThreshold(), 85),
                        or(proto.getEnforcingFailurePercentage(), proto.hasEnforcingFailurePercentage(), 0),
                        or(
                                proto.getEnforcingFailurePercentageLocalOrigin(),
                                proto.hasEnforcingFailurePercentageLocalOrigin(),
                                0)),
                proto.hasInterval() ? duration(proto.getInterval()) : Duration.ofSeconds(10),
                base,
                max,
                duration(proto.getMaxEjectionTimeJitter()),
                or(proto.getMaxEjectionPercent(), proto.hasMaxEjectionPercent(), 10),
                proto.getAlwaysEjectOneHost().getValue());
    }

    private static Duration baseEjection(OutlierDetection proto) {
        return proto.hasBaseEjectionTime() ? duration(proto.getBaseEjectionTime()) : Duration.ofSeconds(30);
    }

    private static int or(UInt32Value value, boolean set, int otherwise) {
        return set ? limit(value, true, otherwise) : otherwise;
    }

    /// The hosts of a load assignment whose addresses are IP addresses; names are left to `resolver`.
    ///
    /// @throws ConfigRejected if an address cannot be used
    public static List<HostSpec> hosts(ClusterLoadAssignment assignment, Resolver resolver) throws ConfigRejected {
        var hosts = new ArrayList<HostSpec>();
        var reasons = new ArrayList<String>();
        Fields.of(assignment, "").honours("cluster_name", "endpoints", "policy").refuseOthers(reasons);
        Fields.of(assignment.getPolicy(), "policy")
                .honours("overprovisioning_factor", "drop_overloads")
                .refuseOthers(reasons);
        if (assignment.getPolicy().getDropOverloadsCount() > 1) {
            reasons.add("policy.drop_overloads: " + assignment.getPolicy().getDropOverloadsCount()
                    + " (expected: at most one, as in Envoy)");
        }
        if (assignment.getPolicy().hasOverprovisioningFactor()
                && assignment.getPolicy().getOverprovisioningFactor().getValue() <= 0) {
            reasons.add("policy.overprovisioning_factor: 0 (expected: 1-2147483647)");
        }
        for (int i = 0; i < assignment.getEndpointsCount(); i++) {
            var locality = assignment.getEndpoints(i);
            Fields.of(locality, "endpoints[" + i + "]")
                    .honours("locality", "metadata", "lb_endpoints", "load_balancing_weight", "priority")
                    .refuseOthers(reasons);
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
                String at = "endpoints[" + i + "].lb_endpoints[" + j + "]";
                Fields.of(endpoint, at)
                        .honours("endpoint", "health_status", "metadata", "load_balancing_weight")
                        .refuseOthers(reasons);
                Fields.of(endpoint.getEndpoint(), at + ".endpoint")
                        .honours("address", "hostname", "additional_addresses")
                        .refuseOthers(reasons);
                String path = at + ".endpoint.address";
                long weight = endpoint.hasLoadBalancingWeight()
                        ? endpoint.getLoadBalancingWeight().getValue()
                        : 1;
                boolean healthy = switch (endpoint.getHealthStatus()) {
                    case UNKNOWN, HEALTHY, DEGRADED -> true;
                    case UNHEALTHY, DRAINING, TIMEOUT, UNRECOGNIZED -> false;
                };
                String hostname = endpoint.getEndpoint().getHostname();
                List<SocketAddress> others = others(endpoint.getEndpoint(), at + ".endpoint", resolver, reasons);
                for (SocketAddress resolved : addresses(endpoint.getEndpoint().getAddress(), path, resolver, reasons)) {
                    hosts.add(new HostSpec(
                            resolved,
                            others,
                            hostname.isEmpty() && resolver.names()
                                    ? endpoint.getEndpoint()
                                            .getAddress()
                                            .getSocketAddress()
                                            .getAddress()
                                    : hostname,
                            where,
                            locality.getPriority(),
                            Math.clamp(weight, 1, Integer.MAX_VALUE),
                            localityWeight,
                            healthy,
                            metadata(endpoint.getMetadata().getFilterMetadataMap())));
                }
            }
        }
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
        return hosts;
    }

    /// What an assignment that [#hosts] takes says beside its hosts.
    public static AssignmentPolicy policy(ClusterLoadAssignment assignment) {
        var policy = assignment.getPolicy();
        var usual = AssignmentPolicy.USUAL;
        int drop = 0;
        if (policy.getDropOverloadsCount() > 0) {
            var share = policy.getDropOverloads(0).getDropPercentage();
            drop = (int) Math.min(
                    1_000_000,
                    Integer.toUnsignedLong(share.getNumerator())
                            * switch (share.getDenominator()) {
                                case HUNDRED, UNRECOGNIZED -> 10_000L;
                                case TEN_THOUSAND -> 100L;
                                case MILLION -> 1L;
                            });
        }
        return new AssignmentPolicy(
                policy.hasOverprovisioningFactor()
                        ? policy.getOverprovisioningFactor().getValue()
                        : usual.overprovisioning(),
                drop);
    }

    // In the order in which they are tried after the first: the families take turns, as in Envoy.
    private static List<SocketAddress> others(Endpoint endpoint, String at, Resolver resolver, List<String> reasons)
            throws ConfigRejected {
        if (endpoint.getAdditionalAddressesCount() == 0) {
            return List.of();
        }
        var first = new ArrayDeque<SocketAddress>();
        var second = new ArrayDeque<SocketAddress>();
        var all = new ArrayList<SocketAddress>(addresses(endpoint.getAddress(), at + ".address", resolver, reasons));
        for (int i = 0; i < endpoint.getAdditionalAddressesCount(); i++) {
            var additional = endpoint.getAdditionalAddresses(i);
            String path = at + ".additional_addresses[" + i + "]";
            Fields.of(additional, path).honours("address").refuseOthers(reasons);
            if (resolver.names() || !additional.getAddress().hasSocketAddress()) {
                reasons.add(path + ".address: not supported (expected: a socket_address, in a cluster of type STATIC or"
                        + " EDS)");
            } else {
                all.addAll(addresses(additional.getAddress(), path + ".address", resolver, reasons));
            }
        }
        boolean ipv4 = isIpv4(all.getFirst());
        all.forEach(address -> (isIpv4(address) == ipv4 ? first : second).add(address));
        var sorted = new ArrayList<SocketAddress>(all.size());
        while (!first.isEmpty() || !second.isEmpty()) {
            if (!first.isEmpty()) {
                sorted.add(first.remove());
            }
            if (!second.isEmpty()) {
                sorted.add(second.remove());
            }
        }
        return List.copyOf(sorted.subList(1, sorted.size()));
    }

    private static boolean isIpv4(SocketAddress address) {
        return address instanceof InetSocketAddress ip && ip.getAddress() instanceof Inet4Address;
    }

    private static List<SocketAddress> addresses(Address proto, String path, Resolver resolver, List<String> reasons)
            throws ConfigRejected {
        var all = new ArrayList<SocketAddress>();
        switch (proto.getAddressCase()) {
            case SOCKET_ADDRESS -> {
                var socket = proto.getSocketAddress();
                Fields.of(socket, path + ".socket_address")
                        .honours("address", "port_value")
                        .refuseOthers(reasons);
                if (socket.getAddress().isEmpty()) {
                    throw new ConfigRejected(path + ": no address (expected: address and port_value)");
                }
                for (InetAddress resolved : resolver.resolve(socket.getAddress(), path)) {
                    all.add(new InetSocketAddress(resolved, socket.getPortValue()));
                }
            }
            case PIPE -> {
                String file = proto.getPipe().getPath();
                if (file.startsWith("/") && file.length() <= MAX_PIPE && !resolver.names()) {
                    all.add(UnixDomainSocketAddress.of(file));
                } else {
                    reasons.add(path + ".pipe.path: \"" + file + "\" (expected: an absolute path of at most " + MAX_PIPE
                            + " characters, in a cluster of type STATIC or EDS)");
                }
            }
            case ENVOY_INTERNAL_ADDRESS, ADDRESS_NOT_SET ->
                reasons.add(path + ": not a socket address (expected: socket_address or pipe)");
        }
        return all;
    }

    /// Addresses of a name.
    public interface Resolver {
        /// @param path where the address stands
        /// @throws ConfigRejected if it is none
        List<InetAddress> resolve(String address, String path) throws ConfigRejected;

        /// Whether names are allowed.
        boolean names();

        /// Takes every name, and asks nobody: for what is to be looked at without its addresses.
        Resolver ANY_NAME = new Resolver() {
            @Override
            public List<InetAddress> resolve(String address, String path) {
                return List.of(InetAddress.getLoopbackAddress());
            }

            @Override
            public boolean names() {
                return true;
            }
        };

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
