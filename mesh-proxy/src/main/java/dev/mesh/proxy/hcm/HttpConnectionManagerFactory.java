package dev.mesh.proxy.hcm;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Durations;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.compile.Compiled;
import dev.mesh.api.decide.compile.Fields;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.api.decide.compile.RouteCompiler;
import dev.mesh.proxy.accesslog.AccessLogFilters;
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
import java.net.InetAddress;
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

    // What is honoured here, or has no effect in Envoy either on this side. Anything else is refused by name.
    private static final Set<String> SUPPORTED = Set.of(
            "codec_type",
            "stat_prefix",
            "rds",
            "route_config",
            "http_filters",
            "common_http_protocol_options",
            "http1_safe_max_connection_duration", // HTTP/1 connections always end after a response
            "http_protocol_options",
            "http2_protocol_options",
            "server_name",
            "server_header_transformation",
            "scheme_header_transformation",
            "max_request_headers_kb",
            "stream_idle_timeout",
            "request_timeout",
            "request_headers_timeout",
            "drain_timeout",
            "delayed_close_timeout",
            "access_log",
            "use_remote_address",
            "xff_num_trusted_hops",
            "internal_address_config",
            "skip_xff_append",
            "via",
            "generate_request_id",
            "preserve_external_request_id",
            "always_set_request_id_in_response",
            "request_id_extension",
            "upgrade_configs",
            "normalize_path",
            "merge_slashes",
            "path_with_escaped_slashes_action",
            "strip_matching_host_port",
            "strip_any_host_port",
            "strip_trailing_host_dot",
            "stream_error_on_invalid_http_message",
            "append_x_forwarded_port",
            "append_local_overload", // there is no overload manager that could be overloaded
            "add_proxy_protocol_connection_state"); // nor a PROXY protocol whose state could be added

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
            proto = Packed.unpack(config, HttpConnectionManager.getDefaultInstance());
        } catch (InvalidProtocolBufferException e) {
            throw new ConfigRejected("not an HttpConnectionManager: " + e.getMessage());
        }
        var reasons = new ArrayList<String>();
        Fields.of(proto, "").honours(SUPPORTED.toArray(String[]::new)).refuseOthers(reasons);
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
            if (factory == null) {
                reasons.add(path + ": no access logger for \""
                        + log.getTypedConfig().getTypeUrl() + "\" (known: " + String.join(", ", accessLogs.keySet())
                        + ")");
            } else {
                try {
                    loggers.add(AccessLogFilters.around(factory.bind(log.getTypedConfig()), log));
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
        boolean survivesInvalid = proto.getStreamErrorOnInvalidHttpMessage().getValue();
        var http1 = proto.getHttpProtocolOptions();
        if (!proto.getRequestIdExtension().getTypedConfig().getTypeUrl().isEmpty()
                && !proto.getRequestIdExtension().getTypedConfig().getTypeUrl().endsWith(".UuidRequestIdConfig")) {
            reasons.add("request_id_extension: not supported (expected: UuidRequestIdConfig)");
        }
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
                CodecOptions.http1(http1, headerKb * 1024, headerCount, reasons),
                CodecOptions.http2(
                        proto.getHttp2ProtocolOptions(), headerKb * 1024, headerCount, survivesInvalid, reasons),
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
                forwarding(proto, reasons),
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
                common.getMaxRequestsPerConnection().getValue(),
                http1.hasOverrideStreamErrorOnInvalidHttpMessage()
                        ? http1.getOverrideStreamErrorOnInvalidHttpMessage().getValue()
                        : survivesInvalid);
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

    private static Settings.Forwarding forwarding(HttpConnectionManager proto, List<String> reasons) {
        String scheme = proto.getSchemeHeaderTransformation().getSchemeToOverwrite();
        if (!scheme.isEmpty() && !scheme.equals("http") && !scheme.equals("https")) {
            reasons.add(
                    "scheme_header_transformation.scheme_to_overwrite: \"" + scheme + "\" (expected: http or https)");
        }
        if (proto.getSchemeHeaderTransformation().getMatchUpstream()) {
            reasons.add("scheme_header_transformation.match_upstream: not supported");
        }
        if (proto.getInternalAddressConfig().getUnixSockets()) {
            reasons.add("internal_address_config.unix_sockets: not supported");
        }
        var internal = new ArrayList<AddressRange>();
        for (int i = 0; i < proto.getInternalAddressConfig().getCidrRangesCount(); i++) {
            var range = proto.getInternalAddressConfig().getCidrRanges(i);
            String path = "internal_address_config.cidr_ranges[" + i + "]";
            try {
                var prefix = InetAddress.ofLiteral(range.getAddressPrefix());
                int bits = prefix.getAddress().length * 8;
                int length = range.getPrefixLen().getValue();
                if (length < 0 || length > bits) {
                    reasons.add(path + ".prefix_len: " + length + " (expected: 0-" + bits + ")");
                } else {
                    internal.add(new AddressRange(prefix, length));
                }
            } catch (IllegalArgumentException e) {
                reasons.add(path + ".address_prefix: \"" + range.getAddressPrefix() + "\" (expected: an IP address)");
            }
        }
        return new Settings.Forwarding(
                proto.getUseRemoteAddress().getValue(),
                proto.getXffNumTrustedHops(),
                proto.getSkipXffAppend(),
                proto.getAppendXForwardedPort(),
                List.copyOf(internal),
                scheme);
    }

    private static Duration duration(com.google.protobuf.Duration proto) {
        return Duration.ofNanos(Durations.toNanos(proto));
    }
}
