package dev.mesh.api.decide.compile;

import com.google.protobuf.Any;
import dev.mesh.api.decide.HeaderMutations;
import dev.mesh.api.decide.Provenance;
import dev.mesh.api.decide.Route;
import dev.mesh.api.decide.RouteAction;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.VirtualHost;
import io.envoyproxy.envoy.config.core.v3.HeaderValueOption;
import io.envoyproxy.envoy.config.core.v3.Metadata;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// `envoy.config.route.v3.RouteConfiguration` → [RouteTable]. Pure; any thread.
public final class RouteCompiler {
    private static final int MAX_DIRECT_BODY = 4096;
    private static final Set<String> UNCHANGEABLE = Set.of("host");

    private final RouteConfiguration configuration;
    private final Reasons reasons = new Reasons();
    private final boolean mostSpecificWins;
    private final int maxDirectBody;

    private RouteCompiler(RouteConfiguration configuration) {
        this.configuration = configuration;
        this.mostSpecificWins = configuration.getMostSpecificHeaderMutationsWins();
        this.maxDirectBody = configuration.hasMaxDirectResponseBodySizeBytes()
                ? configuration.getMaxDirectResponseBodySizeBytes().getValue()
                : MAX_DIRECT_BODY;
    }

    /// Compiles a whole route configuration.
    public static Compiled<RouteTable> compile(RouteConfiguration configuration) {
        var compiler = new RouteCompiler(configuration);
        if (configuration.getClusterSpecifierPluginsCount() > 0) {
            compiler.reasons.add("cluster_specifier_plugins", "not supported");
        }
        if (configuration.getIgnorePathParametersInPathMatching()) {
            compiler.reasons.add("ignore_path_parameters_in_path_matching", "not supported");
        }
        var hosts = new ArrayList<VirtualHost>();
        var names = new HashSet<String>();
        for (int i = 0; i < configuration.getVirtualHostsCount(); i++) {
            var host = configuration.getVirtualHosts(i);
            String path = "virtual_hosts[" + i + "]";
            if (!names.add(host.getName())) {
                compiler.reasons.add(
                        path + ".name", "\"" + host.getName() + "\" stands twice (expected: unique names)");
            }
            hosts.add(compiler.host(host, path));
        }
        if (compiler.reasons.isEmpty()) {
            try {
                return new Compiled.Ok<>(CompiledTable.of(
                        configuration.getName(),
                        configuration.hasVhds(),
                        configuration.getIgnorePortInHostMatching(),
                        hosts));
            } catch (IllegalArgumentException e) {
                compiler.reasons.add("virtual_hosts", String.valueOf(e.getMessage()));
            }
        }
        return new Compiled.Rejected<>(compiler.reasons.all());
    }

    /// Compiles a virtual host that came by itself (VHDS), for the route configuration it belongs to.
    public static Compiled<VirtualHost> compileVirtualHost(
            io.envoyproxy.envoy.config.route.v3.VirtualHost host, RouteConfiguration configuration) {
        var compiler = new RouteCompiler(configuration);
        VirtualHost compiled = compiler.host(host, "");
        return compiler.reasons.isEmpty()
                ? new Compiled.Ok<>(compiled)
                : new Compiled.Rejected<>(compiler.reasons.all());
    }

    private static String join(String path, String field) {
        return path.isEmpty() ? field : path + "." + field;
    }

    private VirtualHost host(io.envoyproxy.envoy.config.route.v3.VirtualHost proto, String path) {
        var domains = new ArrayList<String>();
        for (int i = 0; i < proto.getDomainsCount(); i++) {
            String domain = proto.getDomains(i).toLowerCase(Locale.ROOT);
            String at = join(path, "domains[" + i + "]");
            int star = domain.indexOf('*');
            if (domain.isEmpty()) {
                reasons.add(at, "empty (expected: a host name, *.suffix, prefix.* or *)");
            } else if (star > 0 && star < domain.length() - 1 || star != domain.lastIndexOf('*')) {
                reasons.add(at, "\"" + domain + "\" (expected: one *, at the beginning or the end)");
            }
            if (domains.contains(domain)) {
                reasons.add(at, "\"" + domain + "\" stands twice in this virtual host");
            }
            domains.add(domain);
        }
        if (domains.isEmpty()) {
            reasons.add(join(path, "domains"), "empty (expected: at least one)");
        }
        if (proto.hasMatcher()) {
            reasons.add(join(path, "matcher"), "not supported (expected: routes)");
        }
        var routes = new ArrayList<Route>(proto.getRoutesCount());
        for (int i = 0; i < proto.getRoutesCount(); i++) {
            routes.add(route(proto.getRoutes(i), proto, join(path, "routes[" + i + "]")));
        }
        return new VirtualHost(
                proto.getName(),
                domains,
                routes,
                switch (proto.getRequireTls()) {
                    case EXTERNAL_ONLY -> VirtualHost.RequireTls.EXTERNAL_ONLY;
                    case ALL -> VirtualHost.RequireTls.ALL;
                    case NONE, UNRECOGNIZED -> VirtualHost.RequireTls.NONE;
                },
                provenance(proto.getMetadata()));
    }

    private Route route(
            io.envoyproxy.envoy.config.route.v3.Route proto,
            io.envoyproxy.envoy.config.route.v3.VirtualHost host,
            String path) {
        RouteAction action = switch (proto.getActionCase()) {
            case ROUTE -> new ForwardCompiler(reasons, configuration, host).compile(proto.getRoute(), path + ".route");
            case REDIRECT -> redirect(proto.getRedirect(), path + ".redirect");
            case DIRECT_RESPONSE -> direct(proto.getDirectResponse(), path + ".direct_response");
            case NON_FORWARDING_ACTION -> new RouteAction.NonForwarding();
            case FILTER_ACTION -> {
                reasons.add(path + ".filter_action", "not supported");
                yield new RouteAction.NonForwarding();
            }
            case ACTION_NOT_SET -> {
                reasons.add(path, "no action (expected: route, redirect or direct_response)");
                yield new RouteAction.NonForwarding();
            }
        };
        var request = levels(
                mutations(proto.getRequestHeadersToAddList(), proto.getRequestHeadersToRemoveList(), path, "request"),
                mutations(host.getRequestHeadersToAddList(), host.getRequestHeadersToRemoveList(), "", "request"),
                mutations(
                        configuration.getRequestHeadersToAddList(),
                        configuration.getRequestHeadersToRemoveList(),
                        "",
                        "request"));
        var response = levels(
                mutations(
                        proto.getResponseHeadersToAddList(), proto.getResponseHeadersToRemoveList(), path, "response"),
                mutations(host.getResponseHeadersToAddList(), host.getResponseHeadersToRemoveList(), "", "response"),
                mutations(
                        configuration.getResponseHeadersToAddList(),
                        configuration.getResponseHeadersToRemoveList(),
                        "",
                        "response"));
        return new Route(
                proto.getName(),
                CompiledMatch.compile(proto.getMatch(), path + ".match", reasons),
                action,
                request,
                response,
                perFilter(
                        configuration.getTypedPerFilterConfigMap(),
                        host.getTypedPerFilterConfigMap(),
                        proto.getTypedPerFilterConfigMap()),
                proto.getStatPrefix(),
                proto.getDecorator().getOperation(),
                provenance(proto.getMetadata()));
    }

    private HeaderMutations levels(
            List<HeaderMutations.Step> route, List<HeaderMutations.Step> host, List<HeaderMutations.Step> table) {
        var all = new ArrayList<HeaderMutations.Step>();
        if (mostSpecificWins) {
            all.addAll(table);
            all.addAll(host);
            all.addAll(route);
        } else {
            all.addAll(route);
            all.addAll(host);
            all.addAll(table);
        }
        return all.isEmpty() ? HeaderMutations.NONE : new HeaderMutations(all);
    }

    private List<HeaderMutations.Step> mutations(
            List<HeaderValueOption> add, List<String> remove, String path, String direction) {
        return mutations(add, remove, join(path, direction), reasons);
    }

    static List<HeaderMutations.Step> mutations(
            List<HeaderValueOption> add, List<String> remove, String path, Reasons reasons) {
        var steps = new ArrayList<HeaderMutations.Step>();
        for (int i = 0; i < remove.size(); i++) {
            String name = remove.get(i).toLowerCase(Locale.ROOT);
            if (name.startsWith(":") || UNCHANGEABLE.contains(name)) {
                reasons.add(path + "_headers_to_remove[" + i + "]", "\"" + name + "\" cannot be removed");
            }
            steps.add(new HeaderMutations.Remove(name));
        }
        for (int i = 0; i < add.size(); i++) {
            var option = add.get(i);
            String name = option.getHeader().getKey().toLowerCase(Locale.ROOT);
            if (name.isEmpty()) {
                reasons.add(path + "_headers_to_add[" + i + "].header.key", "empty (expected: a header name)");
            }
            steps.add(new HeaderMutations.Add(
                    name, option.getHeader().getValue(), append(option), option.getKeepEmptyValue()));
        }
        return steps;
    }

    @SuppressWarnings("deprecation") // `append` is what older control planes send
    private static HeaderMutations.Append append(HeaderValueOption option) {
        if (option.hasAppend()) {
            return option.getAppend().getValue()
                    ? HeaderMutations.Append.APPEND_IF_EXISTS_OR_ADD
                    : HeaderMutations.Append.OVERWRITE_IF_EXISTS_OR_ADD;
        }
        return switch (option.getAppendAction()) {
            case APPEND_IF_EXISTS_OR_ADD, UNRECOGNIZED -> HeaderMutations.Append.APPEND_IF_EXISTS_OR_ADD;
            case ADD_IF_ABSENT -> HeaderMutations.Append.ADD_IF_ABSENT;
            case OVERWRITE_IF_EXISTS_OR_ADD -> HeaderMutations.Append.OVERWRITE_IF_EXISTS_OR_ADD;
            case OVERWRITE_IF_EXISTS -> HeaderMutations.Append.OVERWRITE_IF_EXISTS;
        };
    }

    @SafeVarargs
    private static Map<String, Any> perFilter(Map<String, Any>... levels) {
        Map<String, Any> merged = new LinkedHashMap<>();
        for (var level : levels) {
            merged.putAll(level);
        }
        return merged.isEmpty() ? Map.of() : java.util.Collections.unmodifiableMap(merged);
    }

    private RouteAction redirect(io.envoyproxy.envoy.config.route.v3.RedirectAction proto, String path) {
        int status = switch (proto.getResponseCode()) {
            case MOVED_PERMANENTLY, UNRECOGNIZED -> 301;
            case FOUND -> 302;
            case SEE_OTHER -> 303;
            case TEMPORARY_REDIRECT -> 307;
            case PERMANENT_REDIRECT -> 308;
        };
        String scheme = proto.getHttpsRedirect() ? "https" : proto.getSchemeRedirect();
        RouteAction.PathRewrite rewrite = switch (proto.getPathRewriteSpecifierCase()) {
            case PATH_REDIRECT -> new RouteAction.PathRewrite.Full(proto.getPathRedirect());
            case PREFIX_REWRITE -> new RouteAction.PathRewrite.Prefix(proto.getPrefixRewrite());
            case REGEX_REWRITE -> {
                var pattern = reasons.regex(
                        path + ".regex_rewrite.pattern",
                        proto.getRegexRewrite().getPattern().getRegex());
                yield pattern == null
                        ? null
                        : new RouteAction.PathRewrite.Regex(
                                pattern, proto.getRegexRewrite().getSubstitution());
            }
            case PATHREWRITESPECIFIER_NOT_SET -> null;
        };
        return new RouteAction.Redirect(
                status, scheme, proto.getHostRedirect(), proto.getPortRedirect(), rewrite, proto.getStripQuery());
    }

    private RouteAction direct(io.envoyproxy.envoy.config.route.v3.DirectResponseAction proto, String path) {
        if (proto.getStatus() < 200 || proto.getStatus() > 599) {
            reasons.add(path + ".status", proto.getStatus() + " (expected: 200-599)");
        }
        String body = switch (proto.getBody().getSpecifierCase()) {
            case INLINE_STRING -> proto.getBody().getInlineString();
            case INLINE_BYTES -> proto.getBody().getInlineBytes().toStringUtf8();
            case SPECIFIER_NOT_SET -> "";
            case FILENAME, ENVIRONMENT_VARIABLE -> {
                reasons.add(path + ".body", "not supported (expected: inline_string or inline_bytes)");
                yield "";
            }
        };
        if (body.length() > maxDirectBody) {
            reasons.add(path + ".body", body.length() + " bytes (expected: at most " + maxDirectBody + ")");
        }
        return new RouteAction.DirectResponse(proto.getStatus(), body);
    }

    /// Which object our pilot made a piece of configuration from; null if it is not ours.
    static @Nullable Provenance provenance(Metadata metadata) {
        var ours = metadata.getFilterMetadataMap().get(Provenance.METADATA_KEY);
        if (ours == null) {
            return null;
        }
        var fields = ours.getFieldsMap();
        return new Provenance(
                text(fields, "group"),
                text(fields, "kind"),
                text(fields, "namespace"),
                text(fields, "name"),
                text(fields, "rule"));
    }

    private static String text(Map<String, com.google.protobuf.Value> fields, String name) {
        var value = fields.get(name);
        return value == null ? "" : value.getStringValue();
    }
}
