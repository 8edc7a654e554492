package dev.mesh.proxy.hcm;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UInt32Value;
import com.google.protobuf.util.Durations;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.compile.Compiled;
import dev.mesh.api.decide.compile.RouteCompiler;
import dev.mesh.proxy.codec.Http1Limits;
import dev.mesh.proxy.codec.Http2Limits;
import dev.mesh.proxy.filter.AccessLogFactory;
import dev.mesh.proxy.filter.AccessLogger;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.HttpBindContext;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import dev.mesh.proxy.filter.PerRouteConfigs;
import io.envoyproxy.envoy.config.accesslog.v3.AccessLog;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`: checks the proto, fills
/// in Envoy's defaults, and refuses by name what would be ignored.
public final class HttpConnectionManagerFactory implements NetworkFilterFactory {
    private static final Duration HOUR = Duration.ofHours(1);

    // Fields that would change what is allowed or where requests go, were they ignored.
    private static final Set<String> NOT_SUPPORTED = Set.of(
            "scoped_routes",
            "original_ip_detection_extensions",
            "early_header_mutation_extensions",
            "local_reply_config",
            "typed_header_validation_config",
            "proxy_status_config",
            "http3_protocol_options",
            "path_normalization_options",
            "internal_address_config",
            "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
            "proxy_100_continue",
            "forward_client_cert_details",
            "set_current_client_cert_details",
            "tracing");

    private final Map<String, AccessLogFactory> accessLogs = new LinkedHashMap<>();

    public HttpConnectionManagerFactory(List<AccessLogFactory> accessLogFactories) {
        accessLogFactories.forEach(factory -> accessLogs.put(factory.typeUrl(), factory));
    }

    @Override
    public String typeUrl() {
        return "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    }

    @Override
    public boolean terminal() {
        return true;
    }

    @Override
    public Bound bind(Any config, BindContext context) throws ConfigRejected {
        HttpConnectionManager proto;
        try {
            proto = config.unpack(HttpConnectionManager.class);
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected("not an HttpConnectionManager: " + e.getMessage());
        }
        var reasons = new ArrayList<String>();
        for (var field : proto.getAllFields().keySet()) {
            if (NOT_SUPPORTED.contains(field.getName())) {
                reasons.add(field.getName() + ": not supported");
            }
        }
        if (proto.getStatPrefix().isEmpty()) {
            reasons.add("stat_prefix: empty (expected: at least one character)");
        }
        var forFilters = new HttpBindContext(
                context, context.stats().tagged("http", "envoy_http_conn_manager_prefix", proto.getStatPrefix()));
        var filters = filters(proto, forFilters, reasons);
        var routes = routes(proto, context, reasons);
        var logs = accessLogs(proto.getAccessLogList(), reasons);
        var settings = settings(proto, routes, filters, logs, reasons);
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
        return new ConnectionManager(settings, new HcmStats(context.stats(), proto.getStatPrefix()));
    }

    private List<Settings.Filter> filters(HttpConnectionManager proto, BindContext context, List<String> reasons) {
        var filters = new ArrayList<Settings.Filter>();
        var names = new HashSet<String>();
        for (int i = 0; i < proto.getHttpFiltersCount(); i++) {
            HttpFilter filter = proto.getHttpFilters(i);
            String path = "http_filters[" + i + "]";
            if (filter.getDisabled()) {
                continue;
            }
            if (!names.add(filter.getName())) {
                reasons.add(path + ".name: \"" + filter.getName() + "\" stands twice (expected: unique names)");
            }
            if (filter.hasConfigDiscovery()) {
                reasons.add(path + ".config_discovery: not supported (expected: typed_config)");
                continue;
            }
            Any typed = filter.getTypedConfig();
            var factory = context.httpFilters().find(typed.getTypeUrl());
            if (factory == null) {
                if (!filter.getIsOptional()) {
                    reasons.add(
                            path + " (" + filter.getName() + "): no filter for \"" + typed.getTypeUrl() + "\" (known: "
                                    + String.join(", ", context.httpFilters().known()) + ")");
                }
                continue;
            }
            boolean last = i == proto.getHttpFiltersCount() - 1;
            if (factory.terminal() != last) {
                reasons.add(path + " (" + filter.getName() + "): "
                        + (last
                                ? "the last filter must be terminal, such as the router"
                                : "terminal, and not the last filter"));
                continue;
            }
            try {
                filters.add(new Settings.Filter(filter.getName(), factory, factory.bind(typed, context)));
            } catch (ConfigRejected e) {
                e.reasons().forEach(reason -> reasons.add(path + " (" + filter.getName() + "): " + reason));
            }
        }
        if (proto.getHttpFiltersCount() == 0) {
            reasons.add("http_filters: empty (expected: at least the router)");
        }
        return filters;
    }

    private static Supplier<@Nullable RouteTable> routes(
            HttpConnectionManager proto, BindContext context, List<String> reasons) {
        return switch (proto.getRouteSpecifierCase()) {
            case RDS -> context.routes(proto.getRds().getRouteConfigName());
            case ROUTE_CONFIG ->
                switch (RouteCompiler.compile(proto.getRouteConfig())) {
                    case Compiled.Ok<RouteTable>(RouteTable table) -> {
                        boolean check = !proto.getRouteConfig().hasValidateClusters()
                                || proto.getRouteConfig().getValidateClusters().getValue();
                        if (check) {
                            for (String cluster : table.clusterNames()) {
                                if (context.clusters().cluster(cluster) == null && context.isStatic()) {
                                    reasons.add("route_config: cluster \"" + cluster + "\" is not known");
                                }
                            }
                        }
                        PerRouteConfigs.check(table, context.httpFilters())
                                .forEach(reason -> reasons.add("route_config." + reason));
                        yield () -> table;
                    }
                    case Compiled.Rejected<RouteTable>(List<String> why) -> {
                        why.forEach(reason -> reasons.add("route_config." + reason));
                        yield () -> null;
                    }
                };
            case SCOPED_ROUTES -> () -> null;
            case ROUTESPECIFIER_NOT_SET -> {
                reasons.add("no route specifier (expected: rds or route_config)");
                yield () -> null;
            }
        };
    }

    private List<AccessLogger> accessLogs(List<AccessLog> protos, List<String> reasons) {
        var loggers = new ArrayList<AccessLogger>();
        for (int i = 0; i < protos.size(); i++) {
            AccessLog log = protos.get(i);
            String path = "access_log[" + i + "]";
            var factory = accessLogs.get(log.getTypedConfig().getTypeUrl());
            if (log.hasFilter()) {
                reasons.add(path + ".filter: not supported");
            } else if (factory == null) {
                reasons.add(path + ": no access logger for \""
                        + log.getTypedConfig().getTypeUrl() + "\" (known: " + String.join(", ", accessLogs.keySet())
                        + ")");
            } else {
                try {
                    loggers.add(factory.bind(log.getTypedConfig()));
                } catch (ConfigRejected e) {
                    e.reasons().forEach(reason -> reasons.add(path + "." + reason));
                }
            }
        }
        return List.copyOf(loggers);
    }

    private static Settings settings(
            HttpConnectionManager proto,
            Supplier<@Nullable RouteTable> routes,
            List<Settings.Filter> filters,
            List<AccessLogger> logs,
            List<String> reasons) {
        var common = proto.getCommonHttpProtocolOptions();
        int headerKb =
                proto.hasMaxRequestHeadersKb() ? proto.getMaxRequestHeadersKb().getValue() : 60;
        if (headerKb < 1 || headerKb > 8192) {
            reasons.add("max_request_headers_kb: " + headerKb + " (expected: 1-8192)");
        }
        int headerCount =
                common.hasMaxHeadersCount() ? common.getMaxHeadersCount().getValue() : 100;
        var http1 = proto.getHttpProtocolOptions();
        if (http1.getAllowChunkedLength()) {
            reasons.add(
                    "http_protocol_options.allow_chunked_length: not supported, since it invites request smuggling");
        }
        var http2 = proto.getHttp2ProtocolOptions();
        var usual = Http2Limits.DEFAULT;
        var upgrades = new HashSet<String>();
        for (int i = 0; i < proto.getUpgradeConfigsCount(); i++) {
            var upgrade = proto.getUpgradeConfigs(i);
            if (upgrade.getFiltersCount() > 0) {
                reasons.add("upgrade_configs[" + i + "].filters: not supported");
            }
            if (!upgrade.hasEnabled() || upgrade.getEnabled().getValue()) {
                upgrades.add(upgrade.getUpgradeType().toLowerCase(Locale.ROOT));
            }
        }
        return new Settings(
                proto.getStatPrefix(),
                switch (proto.getCodecType()) {
                    case AUTO, UNRECOGNIZED -> Settings.Codec.AUTO;
                    case HTTP1 -> Settings.Codec.HTTP_1;
                    case HTTP2 -> Settings.Codec.HTTP_2;
                    case HTTP3 -> {
                        reasons.add("codec_type: HTTP3 is not supported (expected: AUTO, HTTP1 or HTTP2)");
                        yield Settings.Codec.AUTO;
                    }
                },
                new Http1Limits(
                        headerKb * 1024,
                        headerCount,
                        http1.getEnableTrailers(),
                        http1.getAcceptHttp10(),
                        http1.getDefaultHostForHttp10()),
                new Http2Limits(
                        value(http2.getMaxConcurrentStreams(), usual.maxConcurrentStreams()),
                        value(http2.getInitialStreamWindowSize(), usual.streamWindow()),
                        value(http2.getInitialConnectionWindowSize(), usual.connectionWindow()),
                        headerKb * 1024,
                        headerCount),
                routes,
                List.copyOf(filters),
                logs,
                proto.getServerName().isEmpty() ? "envoy" : proto.getServerName(),
                switch (proto.getServerHeaderTransformation()) {
                    case OVERWRITE, UNRECOGNIZED -> Settings.ServerHeader.OVERWRITE;
                    case APPEND_IF_ABSENT -> Settings.ServerHeader.APPEND_IF_ABSENT;
                    case PASS_THROUGH -> Settings.ServerHeader.PASS_THROUGH;
                },
                timeouts(proto),
                proto.getUseRemoteAddress().getValue(),
                proto.getXffNumTrustedHops(),
                proto.getSkipXffAppend(),
                !proto.hasGenerateRequestId() || proto.getGenerateRequestId().getValue(),
                proto.getPreserveExternalRequestId(),
                proto.getAlwaysSetRequestIdInResponse(),
                proto.getNormalizePath().getValue(),
                proto.getMergeSlashes(),
                switch (proto.getPathWithEscapedSlashesAction()) {
                    case IMPLEMENTATION_SPECIFIC_DEFAULT, KEEP_UNCHANGED, UNRECOGNIZED -> Settings.EscapedSlashes.KEEP;
                    case REJECT_REQUEST -> Settings.EscapedSlashes.REJECT;
                    case UNESCAPE_AND_REDIRECT -> Settings.EscapedSlashes.UNESCAPE_AND_REDIRECT;
                    case UNESCAPE_AND_FORWARD -> Settings.EscapedSlashes.UNESCAPE_AND_FORWARD;
                },
                switch (common.getHeadersWithUnderscoresAction()) {
                    case ALLOW, UNRECOGNIZED -> Settings.Underscores.ALLOW;
                    case REJECT_REQUEST -> Settings.Underscores.REJECT_REQUEST;
                    case DROP_HEADER -> Settings.Underscores.DROP_HEADER;
                },
                proto.getStripMatchingHostPort(),
                proto.getStripAnyHostPort(),
                proto.getStripTrailingHostDot(),
                upgrades,
                proto.getVia(),
                common.getMaxRequestsPerConnection().getValue());
    }

    private static Settings.Timeouts timeouts(HttpConnectionManager proto) {
        var common = proto.getCommonHttpProtocolOptions();
        return new Settings.Timeouts(
                common.hasIdleTimeout() ? duration(common.getIdleTimeout()) : HOUR,
                proto.hasStreamIdleTimeout() ? duration(proto.getStreamIdleTimeout()) : Duration.ofMinutes(5),
                duration(proto.getRequestTimeout()),
                duration(proto.getRequestHeadersTimeout()),
                duration(common.getMaxConnectionDuration()),
                duration(common.getMaxStreamDuration()),
                proto.hasDrainTimeout() ? duration(proto.getDrainTimeout()) : Duration.ofSeconds(5),
                proto.hasDelayedCloseTimeout() ? duration(proto.getDelayedCloseTimeout()) : Duration.ofSeconds(1));
    }

    private static int value(UInt32Value wrapped, int otherwise) {
        return wrapped.getValue() == 0 ? otherwise : wrapped.getValue();
    }

    private static Duration duration(com.google.protobuf.Duration proto) {
        return Duration.ofNanos(Durations.toNanos(proto));
    }
}
