package dev.mesh.pilot.generate;

import com.google.protobuf.Duration;
import com.google.protobuf.Struct;
import com.google.protobuf.UInt32Value;
import com.google.protobuf.Value;
import dev.mesh.api.decide.Provenance;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.networking.Headers;
import dev.mesh.api.networking.LoadBalancer;
import dev.mesh.api.networking.StringMatch;
import dev.mesh.api.networking.VirtualService;
import io.envoyproxy.envoy.config.core.v3.HeaderValue;
import io.envoyproxy.envoy.config.core.v3.HeaderValueOption;
import io.envoyproxy.envoy.config.core.v3.Metadata;
import io.envoyproxy.envoy.config.core.v3.RuntimeFractionalPercent;
import io.envoyproxy.envoy.config.route.v3.DirectResponseAction;
import io.envoyproxy.envoy.config.route.v3.HeaderMatcher;
import io.envoyproxy.envoy.config.route.v3.QueryParameterMatcher;
import io.envoyproxy.envoy.config.route.v3.RedirectAction;
import io.envoyproxy.envoy.config.route.v3.RetryPolicy;
import io.envoyproxy.envoy.config.route.v3.Route;
import io.envoyproxy.envoy.config.route.v3.RouteAction;
import io.envoyproxy.envoy.config.route.v3.RouteMatch;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;
import io.envoyproxy.envoy.config.route.v3.WeightedCluster;
import io.envoyproxy.envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate;
import io.envoyproxy.envoy.type.matcher.v3.RegexMatchAndSubstitute;
import io.envoyproxy.envoy.type.matcher.v3.RegexMatcher;
import io.envoyproxy.envoy.type.matcher.v3.StringMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// `VirtualService.http` → Envoy routes. Static and pure.
final class RouteProtos {
    private static final String RETRY_ON =
            "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";

    private RouteProtos() {}

    /// Where one share of a route's requests goes.
    ///
    /// @param weight of all weights of the route
    /// @param hash what requests are hashed by, if the cluster picks by hash
    record Target(String cluster, int weight, @Nullable Headers headers, LoadBalancer.@Nullable ConsistentHash hash) {}

    /// @param percent of requests that are sent twice, 0 to 100
    record Mirror(String cluster, double percent) {}

    /// One rule with one of its matches, as far as the proxy it is for is concerned.
    ///
    /// @param match null: everything
    /// @param targets empty for redirects and direct responses, unless a gRPC library asks
    record RouteInput(
            ResourceRef from,
            String name,
            VirtualService.HttpRoute http,
            VirtualService.@Nullable HttpMatch match,
            List<Target> targets,
            List<Mirror> mirrors) {}

    /// Everything that one virtual host's bytes depend on.
    ///
    /// @param from the object that it is made from; null if it stands for none
    /// @param routes of virtual services, in order
    /// @param plain cluster for everything that no rule takes; empty: such requests are refused
    /// @param plainHash of that cluster
    /// @param redirectToHttps whether plaintext requests are sent to HTTPS
    /// @param proxy false: a gRPC library asks, which knows neither redirects nor direct responses, no settings of
    ///     filters but of the fault filter, and takes timeouts from `max_stream_duration`
    record HostInput(
            String name,
            List<String> domains,
            @Nullable ResourceRef from,
            List<RouteInput> routes,
            String plain,
            LoadBalancer.@Nullable ConsistentHash plainHash,
            boolean redirectToHttps,
            boolean proxy) {}

    static VirtualHost host(HostInput in) {
        var host = VirtualHost.newBuilder()
                .setName(in.name())
                .addAllDomains(in.domains())
                .setIncludeRequestAttemptCount(true);
        if (in.from() != null) {
            host.setMetadata(provenance(in.from(), ""));
        }
        if (in.redirectToHttps()) {
            host.setRequireTls(VirtualHost.TlsRequirementType.ALL);
        }
        in.routes().forEach(route -> host.addRoutes(route(route, in.proxy())));
        if (!in.plain().isEmpty()) {
            host.addRoutes(plain(in.plain(), in.plainHash(), in.from()));
        }
        return host.build();
    }

    /// Sends everything to one cluster.
    static Route plain(String cluster, LoadBalancer.@Nullable ConsistentHash hash, @Nullable ResourceRef from) {
        var action = RouteAction.newBuilder()
                .setCluster(cluster)
                .setTimeout(Duration.getDefaultInstance())
                .setRetryPolicy(retry(null));
        if (hash != null) {
            HashProtos.put(hash, action);
        }
        var route = Route.newBuilder()
                .setName("default")
                .setMatch(RouteMatch.newBuilder().setPrefix("/"))
                .setRoute(action);
        if (from != null) {
            route.setMetadata(provenance(from, ""));
        }
        return route.build();
    }

    /// To the workload itself: retries are the caller's business.
    static Route inbound(String cluster, @Nullable ResourceRef from) {
        var route = Route.newBuilder()
                .setName("default")
                .setMatch(RouteMatch.newBuilder().setPrefix("/"))
                .setRoute(RouteAction.newBuilder().setCluster(cluster).setTimeout(Duration.getDefaultInstance()));
        if (from != null) {
            route.setMetadata(provenance(from, ""));
        }
        return route.build();
    }

    private static Route route(RouteInput in, boolean proxy) {
        var http = in.http();
        RouteMatch.Builder match = in.match() == null ? RouteMatch.newBuilder().setPrefix("/") : match(in.match());
        var route = Route.newBuilder().setName(in.name()).setMetadata(provenance(in.from(), in.name()));
        headers(http.headers(), route);
        if (proxy && http.redirect() != null) {
            route.setRedirect(redirect(http.redirect()));
        } else if (proxy && http.directResponse() != null) {
            route.setDirectResponse(direct(http.directResponse()));
        } else {
            var action = action(in, match);
            if (!proxy && http.timeout() != null && !http.timeout().isZero()) {
                action.getMaxStreamDurationBuilder().setMaxStreamDuration(duration(http.timeout()));
            }
            route.setRoute(action);
        }
        int answer = answer(http);
        if (!proxy && answer != 0) {
            // One route with another action would cost the library its whole route configuration: the call fails as it
            // would on this answer to it.
            route.putTypedPerFilterConfig(FilterProtos.FAULT, FilterProtos.abort(answer));
        } else if (http.fault() != null) {
            FilterProtos.fault(http.fault())
                    .ifPresent(fault -> route.putTypedPerFilterConfig(FilterProtos.FAULT, fault));
        }
        if (http.corsPolicy() != null && proxy) {
            route.putTypedPerFilterConfig(FilterProtos.CORS, FilterProtos.cors(http.corsPolicy()));
        }
        return route.setMatch(match).build();
    }

    /// The status that a rule answers with itself, without an upstream; 0 if it forwards.
    static int answer(VirtualService.HttpRoute http) {
        if (http.redirect() != null) {
            return http.redirect().redirectCode() == 0 ? 301 : http.redirect().redirectCode();
        }
        return http.directResponse() == null ? 0 : http.directResponse().status();
    }

    private static RouteAction.Builder action(RouteInput in, RouteMatch.Builder match) {
        var http = in.http();
        var action = RouteAction.newBuilder()
                .setTimeout(http.timeout() == null ? Duration.getDefaultInstance() : duration(http.timeout()))
                .setRetryPolicy(retry(http.retries()));
        String authority = authority(http.headers());
        if (!authority.isEmpty()) {
            action.setHostRewriteLiteral(authority);
        }
        if (http.rewrite() != null) {
            rewrite(http.rewrite(), match, action);
        }
        for (Mirror mirror : in.mirrors()) {
            action.addRequestMirrorPolicies(RouteAction.RequestMirrorPolicy.newBuilder()
                    .setCluster(mirror.cluster())
                    .setRuntimeFraction(RuntimeFractionalPercent.newBuilder()
                            .setDefaultValue(FilterProtos.percent(mirror.percent())))
                    .setTraceSampled(com.google.protobuf.BoolValue.of(false)));
        }
        in.targets().stream()
                .map(Target::hash)
                .filter(Objects::nonNull)
                .distinct()
                .forEach(hash -> HashProtos.put(hash, action));
        // A share of nothing takes no request; a single destination needs no weight.
        var targets = in.targets().size() == 1
                ? in.targets()
                : in.targets().stream().filter(target -> target.weight() > 0).toList();
        if (targets.size() == 1) {
            var only = targets.getFirst();
            action.setCluster(only.cluster());
            if (only.headers() == null) {
                return action;
            }
        }
        var weighted = WeightedCluster.newBuilder();
        for (Target target : targets) {
            var one = WeightedCluster.ClusterWeight.newBuilder()
                    .setName(target.cluster())
                    .setWeight(UInt32Value.of(targets.size() == 1 ? 100 : target.weight()));
            headers(target.headers(), one);
            String own = authority(target.headers());
            if (!own.isEmpty()) {
                one.setHostRewriteLiteral(own);
            }
            weighted.addClusters(one);
        }
        return action.setWeightedClusters(weighted);
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
        } else if (from.redirectPort() instanceof VirtualService.RedirectPort.Derive(VirtualService.DerivePort derive)
                && derive == VirtualService.DerivePort.FROM_PROTOCOL_DEFAULT
                && !from.scheme().isEmpty()) {
            redirect.setPortRedirect(from.scheme().equals("https") ? 443 : 80);
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
        // A header that is not there has no value that could match.
        var header = HeaderMatcher.newBuilder()
                .setName(name)
                .setInvertMatch(invert)
                .setTreatMissingHeaderAsEmpty(invert && !(value instanceof StringMatch.Present));
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

    static StringMatcher text(StringMatch match) {
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

    // The authority is no header that may be set: Envoy would refuse the whole route configuration.
    private static boolean isAuthority(String name) {
        return name.equalsIgnoreCase("host") || name.equals(":authority");
    }

    /// What a rule sets the authority to by `headers`; empty if it does not.
    private static String authority(@Nullable Headers from) {
        if (from == null || from.request() == null) {
            return "";
        }
        return from.request().set().entrySet().stream()
                .filter(entry -> isAuthority(entry.getKey()))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElse("");
    }

    private static List<HeaderValueOption> options(Headers.HeaderOperations operations) {
        var options = new ArrayList<HeaderValueOption>();
        add(operations.set(), HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD, options);
        add(operations.add(), HeaderValueOption.HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD, options);
        return options;
    }

    private static void add(
            Map<String, String> headers, HeaderValueOption.HeaderAppendAction action, List<HeaderValueOption> options) {
        new TreeMap<>(headers).forEach((name, value) -> {
            if (!isAuthority(name)) {
                options.add(HeaderValueOption.newBuilder()
                        .setHeader(HeaderValue.newBuilder().setKey(name).setValue(value))
                        .setAppendAction(action)
                        .build());
            }
        });
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
