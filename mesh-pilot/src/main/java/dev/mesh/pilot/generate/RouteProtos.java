package dev.mesh.pilot.generate;

import com.google.protobuf.Duration;
import com.google.protobuf.Struct;
import com.google.protobuf.UInt32Value;
import com.google.protobuf.Value;
import dev.mesh.api.decide.Provenance;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.networking.Destination;
import dev.mesh.api.networking.Headers;
import dev.mesh.api.networking.StringMatch;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.pilot.push.PushContext;
import io.envoyproxy.envoy.config.core.v3.HeaderValue;
import io.envoyproxy.envoy.config.core.v3.HeaderValueOption;
import io.envoyproxy.envoy.config.core.v3.Metadata;
import io.envoyproxy.envoy.config.route.v3.DirectResponseAction;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.config.route.v3.QueryParameterMatcher;
import io.envoyproxy.envoy.config.route.v3.RedirectAction;
import io.envoyproxy.envoy.config.route.v3.RetryPolicy;
import io.envoyproxy.envoy.config.route.v3.Route;
import io.envoyproxy.envoy.config.route.v3.RouteAction;
import io.envoyproxy.envoy.config.route.v3.RouteMatch;
import io.envoyproxy.envoy.config.route.v3.WeightedCluster;
import io.envoyproxy.envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate;
import io.envoyproxy.envoy.type.matcher.v3.RegexMatchAndSubstitute;
import io.envoyproxy.envoy.type.matcher.v3.RegexMatcher;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// `VirtualService.http` → Envoy routes. Static and pure.
final class RouteProtos {
    private static final String RETRY_ON =
            "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";

    private RouteProtos() {}

    /// Chooses the port of a destination that names none.
    interface Ports {
        int of(String host, int otherwise);
    }

    /// The routes of one virtual service, for traffic that comes to `port`.
    static List<Route> routes(PushContext.Rule<VirtualService> rule, int port, Ports ports) {
        var routes = new ArrayList<Route>();
        for (VirtualService.HttpRoute http : rule.spec().http()) {
            String name = Names.rule(http);
            if (http.match().isEmpty()) {
                routes.add(route(rule, http, name, RouteMatch.newBuilder().setPrefix("/"), port, ports));
                break; // nothing after it can match
            }
            for (VirtualService.HttpMatch match : http.match()) {
                // A condition that is not understood must not widen the match: the rule is left out.
                boolean understood = match.sourceLabels().isEmpty()
                        && match.sourceNamespace().isEmpty()
                        && match.gateways().isEmpty();
                if (understood && (match.port() == 0 || match.port() == port)) {
                    routes.add(route(rule, http, name, match(match), port, ports));
                }
            }
        }
        return routes;
    }

    /// Sends everything to one cluster.
    static Route plain(String cluster, ResourceRef from) {
        return Route.newBuilder()
                .setName("default")
                .setMatch(RouteMatch.newBuilder().setPrefix("/"))
                .setRoute(RouteAction.newBuilder()
                        .setCluster(cluster)
                        .setTimeout(Duration.getDefaultInstance())
                        .setRetryPolicy(retry(null)))
                .setMetadata(provenance(from, ""))
                .build();
    }

    private static Route route(
            PushContext.Rule<VirtualService> rule,
            VirtualService.HttpRoute http,
            String name,
            RouteMatch.Builder match,
            int port,
            Ports ports) {
        var route = Route.newBuilder()
                .setName(name)
                .setMatch(match)
                .setMetadata(provenance(rule.object().ref(), name));
        headers(http.headers(), route);
        if (http.redirect() != null) {
            route.setRedirect(redirect(http.redirect()));
        } else if (http.directResponse() != null) {
            route.setDirectResponse(direct(http.directResponse()));
        } else {
            route.setRoute(action(rule, http, match, port, ports));
        }
        return route.build();
    }

    private static RouteAction.Builder action(
            PushContext.Rule<VirtualService> rule,
            VirtualService.HttpRoute http,
            RouteMatch.Builder match,
            int port,
            Ports ports) {
        var action = RouteAction.newBuilder()
                .setTimeout(http.timeout() == null ? Duration.getDefaultInstance() : duration(http.timeout()))
                .setRetryPolicy(retry(http.retries()));
        if (http.rewrite() != null) {
            rewrite(http.rewrite(), match, action);
        }
        if (http.route().size() == 1) {
            var only = http.route().getFirst();
            action.setCluster(cluster(only.destination(), rule.namespace(), port, ports));
            if (only.headers() == null) {
                return action;
            }
        }
        var weighted = WeightedCluster.newBuilder();
        for (var destination : http.route()) {
            var one = WeightedCluster.ClusterWeight.newBuilder()
                    .setName(cluster(destination.destination(), rule.namespace(), port, ports))
                    .setWeight(UInt32Value.of(http.route().size() == 1 ? 100 : destination.weight()));
            headers(destination.headers(), one);
            weighted.addClusters(one);
        }
        return action.setWeightedClusters(weighted);
    }

    private static String cluster(Destination destination, String namespace, int port, Ports ports) {
        String host = PushContext.qualify(destination.host(), namespace);
        int number = destination.port() == null
                ? ports.of(host, port)
                : destination.port().number();
        return Names.outbound(number, destination.subset(), host);
    }

    private static void rewrite(
            VirtualService.HttpRewrite rewrite, RouteMatch.Builder match, RouteAction.Builder action) {
        if (!rewrite.authority().isEmpty()) {
            action.setHostRewriteLiteral(rewrite.authority());
        }
        if (rewrite.uriRegexRewrite() != null) {
            action.setRegexRewrite(regex(
                    rewrite.uriRegexRewrite().match(), rewrite.uriRegexRewrite().rewrite()));
        } else if (!rewrite.uri().isEmpty()) {
            if (match.hasSafeRegex()) {
                action.setRegexRewrite(regex(match.getSafeRegex().getRegex(), rewrite.uri()));
            } else {
                action.setPrefixRewrite(rewrite.uri());
            }
        }
    }

    private static RegexMatchAndSubstitute regex(String match, String substitution) {
        return RegexMatchAndSubstitute.newBuilder()
                .setPattern(RegexMatcher.newBuilder().setRegex(match))
                .setSubstitution(substitution)
                .build();
    }

    private static RedirectAction redirect(VirtualService.HttpRedirect from) {
        var redirect = RedirectAction.newBuilder()
                .setHostRedirect(from.authority())
                .setResponseCode(
                        switch (from.redirectCode()) {
                            case 302 -> RedirectAction.RedirectResponseCode.FOUND;
                            case 303 -> RedirectAction.RedirectResponseCode.SEE_OTHER;
                            case 307 -> RedirectAction.RedirectResponseCode.TEMPORARY_REDIRECT;
                            case 308 -> RedirectAction.RedirectResponseCode.PERMANENT_REDIRECT;
                            default -> RedirectAction.RedirectResponseCode.MOVED_PERMANENTLY;
                        });
        if (!from.scheme().isEmpty()) {
            redirect.setSchemeRedirect(from.scheme());
        }
        if (!from.uri().isEmpty()) {
            redirect.setPathRedirect(from.uri());
        } else if (!from.prefixRewrite().isEmpty()) {
            redirect.setPrefixRewrite(from.prefixRewrite());
        }
        if (from.redirectPort() instanceof VirtualService.RedirectPort.Port(int number)) {
            redirect.setPortRedirect(number);
        }
        return redirect.build();
    }

    private static DirectResponseAction direct(VirtualService.DirectResponse from) {
        var direct = DirectResponseAction.newBuilder().setStatus(from.status());
        if (from.body() instanceof VirtualService.Body.Text(String text)) {
            direct.getBodyBuilder().setInlineString(text);
        } else if (from.body() instanceof VirtualService.Body.Bytes(String base64)) {
            direct.getBodyBuilder()
                    .setInlineBytes(com.google.protobuf.ByteString.copyFrom(
                            java.util.Base64.getDecoder().decode(base64)));
        }
        return direct.build();
    }

    // Istio's default where nothing is said: two retries on another host.
    private static RetryPolicy retry(VirtualService.@Nullable HttpRetry from) {
        if (from != null && from.attempts() == 0) {
            return RetryPolicy.newBuilder().setNumRetries(UInt32Value.of(0)).build();
        }
        var policy = RetryPolicy.newBuilder()
                .setRetryOn(from == null || from.retryOn().isEmpty() ? RETRY_ON : from.retryOn())
                .setNumRetries(UInt32Value.of(from == null ? 2 : from.attempts()))
                .setHostSelectionRetryMaxAttempts(5);
        if (from == null || from.retryIgnorePreviousHosts() == null || from.retryIgnorePreviousHosts()) {
            policy.addRetryHostPredicate(RetryPolicy.RetryHostPredicate.newBuilder()
                    .setName("envoy.retry_host_predicates.previous_hosts")
                    .setTypedConfig(Resource.pack(PreviousHostsPredicate.getDefaultInstance())));
        }
        if (from != null && from.perTryTimeout() != null) {
            policy.setPerTryTimeout(duration(from.perTryTimeout()));
        }
        if (from != null && from.backoff() != null) {
            policy.getRetryBackOffBuilder().setBaseInterval(duration(from.backoff()));
        }
        return policy.build();
    }

    private static RouteMatch.Builder match(VirtualService.HttpMatch from) {
        var match = RouteMatch.newBuilder();
        if (from.uri() == null) {
            match.setPrefix("/");
        } else {
            switch (from.uri()) {
                case StringMatch.Exact(String exact) -> match.setPath(exact);
                case StringMatch.Prefix(String prefix) -> match.setPrefix(prefix);
                case StringMatch.Regex(String regex) ->
                    match.setSafeRegex(RegexMatcher.newBuilder().setRegex(regex));
                case StringMatch.Present() -> match.setPrefix("/");
            }
            if (from.ignoreUriCase() && !(from.uri() instanceof StringMatch.Regex)) {
                match.setCaseSensitive(com.google.protobuf.BoolValue.of(false));
            }
        }
        header(":method", from.method(), false, match);
        header(":authority", from.authority(), false, match);
        header(":scheme", from.scheme(), false, match);
        new TreeMap<>(from.headers()).forEach((name, value) -> header(name, value, false, match));
        new TreeMap<>(from.withoutHeaders()).forEach((name, value) -> header(name, value, true, match));
        new TreeMap<>(from.queryParams()).forEach((name, value) -> match.addQueryParameters(query(name, value)));
        return match;
    }

    private static void header(String name, @Nullable StringMatch value, boolean invert, RouteMatch.Builder match) {
        if (value == null) {
            return;
        }
        var header = HeaderMatcher.newBuilder().setName(name).setInvertMatch(invert);
        if (value instanceof StringMatch.Present) {
            header.setPresentMatch(true);
        } else {
            header.setStringMatch(text(value));
        }
        match.addHeaders(header);
    }

    private static QueryParameterMatcher query(String name, StringMatch value) {
        var query = QueryParameterMatcher.newBuilder().setName(name);
        if (value instanceof StringMatch.Present) {
            query.setPresentMatch(true);
        } else {
            query.setStringMatch(text(value));
        }
        return query.build();
    }

    private static StringMatcher text(StringMatch match) {
        return switch (match) {
            case StringMatch.Exact(String exact) ->
                StringMatcher.newBuilder().setExact(exact).build();
            case StringMatch.Prefix(String prefix) ->
                StringMatcher.newBuilder().setPrefix(prefix).build();
            case StringMatch.Regex(String regex) ->
                StringMatcher.newBuilder()
                        .setSafeRegex(RegexMatcher.newBuilder().setRegex(regex))
                        .build();
            case StringMatch.Present() ->
                StringMatcher.newBuilder()
                        .setSafeRegex(RegexMatcher.newBuilder().setRegex(".*"))
                        .build();
        };
    }

    private static void headers(@Nullable Headers from, Route.Builder route) {
        if (from == null) {
            return;
        }
        if (from.request() != null) {
            route.addAllRequestHeadersToAdd(options(from.request()));
            route.addAllRequestHeadersToRemove(from.request().remove());
        }
        if (from.response() != null) {
            route.addAllResponseHeadersToAdd(options(from.response()));
            route.addAllResponseHeadersToRemove(from.response().remove());
        }
    }

    private static void headers(@Nullable Headers from, WeightedCluster.ClusterWeight.Builder cluster) {
        if (from == null) {
            return;
        }
        if (from.request() != null) {
            cluster.addAllRequestHeadersToAdd(options(from.request()));
            cluster.addAllRequestHeadersToRemove(from.request().remove());
        }
        if (from.response() != null) {
            cluster.addAllResponseHeadersToAdd(options(from.response()));
            cluster.addAllResponseHeadersToRemove(from.response().remove());
        }
    }

    private static List<HeaderValueOption> options(Headers.HeaderOperations operations) {
        var options = new ArrayList<HeaderValueOption>();
        add(operations.set(), HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD, options);
        add(operations.add(), HeaderValueOption.HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD, options);
        return options;
    }

    private static void add(
            Map<String, String> headers, HeaderValueOption.HeaderAppendAction action, List<HeaderValueOption> options) {
        new TreeMap<>(headers)
                .forEach((name, value) -> options.add(HeaderValueOption.newBuilder()
                        .setHeader(HeaderValue.newBuilder().setKey(name).setValue(value))
                        .setAppendAction(action)
                        .build()));
    }

    /// Which object and rule a route came from.
    static Metadata provenance(ResourceRef ref, String rule) {
        return Metadata.newBuilder()
                .putFilterMetadata(
                        Provenance.METADATA_KEY,
                        Struct.newBuilder()
                                .putFields("group", text(ref.group()))
                                .putFields("kind", text(ref.kind()))
                                .putFields("namespace", text(ref.namespace()))
                                .putFields("name", text(ref.name()))
                                .putFields("rule", text(rule))
                                .build())
                .build();
    }

    private static Value text(String text) {
        return Value.newBuilder().setStringValue(text).build();
    }

    private static Duration duration(java.time.Duration from) {
        return Duration.newBuilder()
                .setSeconds(from.getSeconds())
                .setNanos(from.getNano())
                .build();
    }
}
