package dev.mesh.api.decide.compile;

import com.google.protobuf.Duration;
import com.google.protobuf.util.Durations;
import dev.mesh.api.decide.HeaderMatch;
import dev.mesh.api.decide.HeaderMutations;
import dev.mesh.api.decide.RouteAction;
import dev.mesh.api.decide.RouteAction.ClusterSpecifier;
import dev.mesh.api.decide.RouteAction.HashPolicy;
import dev.mesh.api.decide.RouteAction.HostRewrite;
import dev.mesh.api.decide.RouteAction.Mirror;
import dev.mesh.api.decide.RouteAction.PathRewrite;
import io.envoyproxy.envoy.config.route.v3.RetryPolicy;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// `envoy.config.route.v3.RouteAction` → [RouteAction.Forward].
final class ForwardCompiler {
    private static final java.time.Duration DEFAULT_TIMEOUT = java.time.Duration.ofSeconds(15);

    private final Reasons reasons;
    private final RouteConfiguration table;
    private final VirtualHost host;

    ForwardCompiler(Reasons reasons, RouteConfiguration table, VirtualHost host) {
        this.reasons = reasons;
        this.table = table;
        this.host = host;
    }

    RouteAction.Forward compile(io.envoyproxy.envoy.config.route.v3.RouteAction proto, String path) {
        if (proto.hasInternalRedirectPolicy()) {
            reasons.add(path + ".internal_redirect_policy", "not supported");
        }
        if (proto.hasHedgePolicy()) {
            reasons.add(path + ".hedge_policy", "not supported");
        }
        if (proto.hasMetadataMatch()) {
            reasons.add(path + ".metadata_match", "not supported (subsets are clusters of their own)");
        }
        if (proto.getRateLimitsCount() > 0) {
            reasons.add(path + ".rate_limits", "not supported");
        }
        var upgrades = new LinkedHashMap<String, Boolean>();
        proto.getUpgradeConfigsList()
                .forEach(upgrade -> upgrades.put(
                        upgrade.getUpgradeType().toLowerCase(Locale.ROOT),
                        !upgrade.hasEnabled() || upgrade.getEnabled().getValue()));
        return new RouteAction.Forward(
                clusters(proto, path),
                new RouteAction.Rewrite(
                        hostRewrite(proto, path), pathRewrite(proto, path), proto.getAppendXForwardedHost()),
                proto.hasTimeout() ? duration(proto.getTimeout()) : DEFAULT_TIMEOUT,
                proto.hasIdleTimeout() ? duration(proto.getIdleTimeout()) : null,
                maxStreamDuration(proto),
                retry(proto, path),
                hashPolicies(proto, path),
                mirrors(proto, path),
                upgrades,
                switch (proto.getClusterNotFoundResponseCode()) {
                    case SERVICE_UNAVAILABLE, UNRECOGNIZED -> 503;
                    case NOT_FOUND -> 404;
                    case INTERNAL_SERVER_ERROR -> 500;
                },
                switch (proto.getPriority()) {
                    case DEFAULT, UNRECOGNIZED -> RouteAction.Priority.DEFAULT;
                    case HIGH -> RouteAction.Priority.HIGH;
                },
                host.getIncludeRequestAttemptCount(),
                host.getIncludeAttemptCountInResponse());
    }

    private ClusterSpecifier clusters(io.envoyproxy.envoy.config.route.v3.RouteAction proto, String path) {
        return switch (proto.getClusterSpecifierCase()) {
            case CLUSTER -> {
                if (proto.getCluster().isEmpty()) {
                    reasons.add(path + ".cluster", "empty (expected: a cluster's name)");
                }
                yield new ClusterSpecifier.Single(proto.getCluster());
            }
            case CLUSTER_HEADER ->
                new ClusterSpecifier.FromHeader(proto.getClusterHeader().toLowerCase(Locale.ROOT));
            case WEIGHTED_CLUSTERS -> weighted(proto.getWeightedClusters(), path + ".weighted_clusters");
            case CLUSTER_SPECIFIER_PLUGIN, INLINE_CLUSTER_SPECIFIER_PLUGIN -> {
                reasons.add(path + ".cluster_specifier_plugin", "not supported");
                yield new ClusterSpecifier.Single("");
            }
            case CLUSTERSPECIFIER_NOT_SET -> {
                reasons.add(path, "no cluster (expected: cluster, cluster_header or weighted_clusters)");
                yield new ClusterSpecifier.Single("");
            }
        };
    }

    private ClusterSpecifier weighted(io.envoyproxy.envoy.config.route.v3.WeightedCluster proto, String path) {
        var clusters = new ArrayList<RouteAction.WeightedCluster>();
        long total = 0;
        for (int i = 0; i < proto.getClustersCount(); i++) {
            var one = proto.getClusters(i);
            String at = path + ".clusters[" + i + "]";
            if (one.getName().isEmpty() == one.getClusterHeader().isEmpty()) {
                reasons.add(at, "needs either name or cluster_header");
            }
            if (one.hasMetadataMatch()) {
                reasons.add(at + ".metadata_match", "not supported");
            }
            long weight = Integer.toUnsignedLong(one.getWeight().getValue());
            total += weight;
            clusters.add(new RouteAction.WeightedCluster(
                    one.getName(),
                    one.getClusterHeader().toLowerCase(Locale.ROOT),
                    weight,
                    one.getHostRewriteLiteral(),
                    mutations(one.getRequestHeadersToAddList(), one.getRequestHeadersToRemoveList(), at + ".request"),
                    mutations(
                            one.getResponseHeadersToAddList(), one.getResponseHeadersToRemoveList(), at + ".response"),
                    one.getTypedPerFilterConfigMap()));
        }
        if (clusters.isEmpty()) {
            reasons.add(path + ".clusters", "empty (expected: at least one)");
        } else if (total == 0) {
            reasons.add(path, "the weights sum to 0 (expected: at least 1)");
        } else if (total > 0xFFFFFFFFL) {
            reasons.add(path, "the weights sum to " + total + " (expected: at most 4294967295)");
        }
        return new ClusterSpecifier.Weighted(
                List.copyOf(clusters), Math.max(1, total), proto.getHeaderName().toLowerCase(Locale.ROOT));
    }

    private HeaderMutations mutations(
            List<io.envoyproxy.envoy.config.core.v3.HeaderValueOption> add, List<String> remove, String path) {
        var steps = RouteCompiler.mutations(add, remove, path, reasons);
        return steps.isEmpty() ? HeaderMutations.NONE : new HeaderMutations(steps);
    }

    private @Nullable HostRewrite hostRewrite(io.envoyproxy.envoy.config.route.v3.RouteAction proto, String path) {
        return switch (proto.getHostRewriteSpecifierCase()) {
            case HOST_REWRITE_LITERAL -> new HostRewrite.Literal(proto.getHostRewriteLiteral());
            case AUTO_HOST_REWRITE -> proto.getAutoHostRewrite().getValue() ? new HostRewrite.Auto() : null;
            case HOST_REWRITE_HEADER ->
                new HostRewrite.FromHeader(proto.getHostRewriteHeader().toLowerCase(Locale.ROOT));
            case HOST_REWRITE_PATH_REGEX -> {
                var pattern = reasons.regex(
                        path + ".host_rewrite_path_regex.pattern",
                        proto.getHostRewritePathRegex().getPattern().getRegex());
                yield pattern == null
                        ? null
                        : new HostRewrite.PathRegex(
                                pattern, proto.getHostRewritePathRegex().getSubstitution());
            }
            case HOSTREWRITESPECIFIER_NOT_SET -> null;
        };
    }

    private @Nullable PathRewrite pathRewrite(io.envoyproxy.envoy.config.route.v3.RouteAction proto, String path) {
        if (proto.hasPathRewritePolicy()) {
            reasons.add(path + ".path_rewrite_policy", "not supported");
        }
        if (!proto.getPrefixRewrite().isEmpty()) {
            if (proto.hasRegexRewrite()) {
                reasons.add(path, "has both prefix_rewrite and regex_rewrite (expected: one)");
            }
            return new PathRewrite.Prefix(proto.getPrefixRewrite());
        }
        if (proto.hasRegexRewrite()) {
            var pattern = reasons.regex(
                    path + ".regex_rewrite.pattern",
                    proto.getRegexRewrite().getPattern().getRegex());
            return pattern == null
                    ? null
                    : new PathRewrite.Regex(pattern, proto.getRegexRewrite().getSubstitution());
        }
        return null;
    }

    private static RouteAction.@Nullable MaxStreamDuration maxStreamDuration(
            io.envoyproxy.envoy.config.route.v3.RouteAction proto) {
        if (!proto.hasMaxStreamDuration()) {
            return null;
        }
        var duration = proto.getMaxStreamDuration();
        return new RouteAction.MaxStreamDuration(
                duration.hasMaxStreamDuration() ? duration(duration.getMaxStreamDuration()) : null,
                duration.hasGrpcTimeoutHeaderMax() ? duration(duration.getGrpcTimeoutHeaderMax()) : null,
                duration.hasGrpcTimeoutHeaderOffset() ? duration(duration.getGrpcTimeoutHeaderOffset()) : null);
    }

    private RouteAction.@Nullable RetryPolicy retry(
            io.envoyproxy.envoy.config.route.v3.RouteAction action, String path) {
        RetryPolicy proto;
        if (action.hasRetryPolicy()) {
            proto = action.getRetryPolicy();
        } else if (host.hasRetryPolicy()) {
            proto = host.getRetryPolicy();
        } else {
            return null;
        }
        String at = path + ".retry_policy";
        var on = new LinkedHashSet<String>();
        for (String word : proto.getRetryOn().split(",", -1)) {
            if (!word.isBlank()) {
                on.add(word.strip());
            }
        }
        if (proto.hasRetryPriority()) {
            reasons.add(at + ".retry_priority", "not supported");
        }
        boolean previousHosts = false;
        for (int i = 0; i < proto.getRetryHostPredicateCount(); i++) {
            String name = proto.getRetryHostPredicate(i).getTypedConfig().getTypeUrl();
            if (name.endsWith("PreviousHostsPredicate")
                    || proto.getRetryHostPredicate(i).getName().endsWith("previous_hosts")) {
                previousHosts = true;
            } else {
                reasons.add(
                        at + ".retry_host_predicate[" + i + "]",
                        "\"" + name + "\" is not supported (expected: previous_hosts)");
            }
        }
        var codes = Set.copyOf(proto.getRetriableStatusCodesList());
        var base = proto.hasRetryBackOff() && proto.getRetryBackOff().hasBaseInterval()
                ? duration(proto.getRetryBackOff().getBaseInterval())
                : java.time.Duration.ofMillis(25);
        return new RouteAction.RetryPolicy(
                on,
                proto.hasNumRetries() ? proto.getNumRetries().getValue() : 1,
                proto.hasPerTryTimeout() ? duration(proto.getPerTryTimeout()) : null,
                proto.hasPerTryIdleTimeout() ? duration(proto.getPerTryIdleTimeout()) : null,
                codes,
                headerMatches(proto.getRetriableHeadersList(), at + ".retriable_headers"),
                headerMatches(proto.getRetriableRequestHeadersList(), at + ".retriable_request_headers"),
                base,
                proto.hasRetryBackOff() && proto.getRetryBackOff().hasMaxInterval()
                        ? duration(proto.getRetryBackOff().getMaxInterval())
                        : base.multipliedBy(10),
                previousHosts,
                (int) Math.max(1, proto.getHostSelectionRetryMaxAttempts()));
    }

    private List<HeaderMatch> headerMatches(
            List<io.envoyproxy.envoy.config.route.v3.HeaderMatcher> protos, String path) {
        var matches = new ArrayList<HeaderMatch>();
        for (int i = 0; i < protos.size(); i++) {
            matches.add(HeaderMatches.compile(protos.get(i), path + "[" + i + "]", reasons));
        }
        return List.copyOf(matches);
    }

    private List<HashPolicy> hashPolicies(io.envoyproxy.envoy.config.route.v3.RouteAction proto, String path) {
        var policies = new ArrayList<HashPolicy>();
        for (int i = 0; i < proto.getHashPolicyCount(); i++) {
            var policy = proto.getHashPolicy(i);
            String at = path + ".hash_policy[" + i + "]";
            boolean terminal = policy.getTerminal();
            switch (policy.getPolicySpecifierCase()) {
                case HEADER -> {
                    var rewrite = policy.getHeader().getRegexRewrite();
                    policies.add(new HashPolicy.Header(
                            policy.getHeader().getHeaderName().toLowerCase(Locale.ROOT),
                            policy.getHeader().hasRegexRewrite()
                                    ? reasons.regex(
                                            at + ".header.regex_rewrite",
                                            rewrite.getPattern().getRegex())
                                    : null,
                            rewrite.getSubstitution(),
                            terminal));
                }
                case COOKIE ->
                    policies.add(new HashPolicy.Cookie(
                            policy.getCookie().getName(),
                            policy.getCookie().hasTtl()
                                    ? duration(policy.getCookie().getTtl())
                                    : null,
                            policy.getCookie().getPath(),
                            policy.getCookie().getAttributesList().stream()
                                    .map(attribute -> attribute.getValue().isEmpty()
                                            ? attribute.getName()
                                            : attribute.getName() + "=" + attribute.getValue())
                                    .toList(),
                            terminal));
                case CONNECTION_PROPERTIES -> {
                    if (policy.getConnectionProperties().getSourceIp()) {
                        policies.add(new HashPolicy.SourceIp(terminal));
                    }
                }
                case QUERY_PARAMETER ->
                    policies.add(new HashPolicy.QueryParameter(
                            policy.getQueryParameter().getName(), terminal));
                case FILTER_STATE -> reasons.add(at + ".filter_state", "not supported");
                case POLICYSPECIFIER_NOT_SET ->
                    reasons.add(at, "empty (expected: header, cookie, connection_properties or query_parameter)");
            }
        }
        return List.copyOf(policies);
    }

    private List<Mirror> mirrors(io.envoyproxy.envoy.config.route.v3.RouteAction proto, String path) {
        var protos = proto.getRequestMirrorPoliciesCount() > 0
                ? proto.getRequestMirrorPoliciesList()
                : host.getRequestMirrorPoliciesCount() > 0
                        ? host.getRequestMirrorPoliciesList()
                        : table.getRequestMirrorPoliciesList();
        var mirrors = new ArrayList<Mirror>();
        for (int i = 0; i < protos.size(); i++) {
            var mirror = protos.get(i);
            if (mirror.getCluster().isEmpty() == mirror.getClusterHeader().isEmpty()) {
                reasons.add(path + ".request_mirror_policies[" + i + "]", "needs either cluster or cluster_header");
            }
            boolean some = mirror.hasRuntimeFraction();
            mirrors.add(new Mirror(
                    mirror.getCluster(),
                    mirror.getClusterHeader().toLowerCase(Locale.ROOT),
                    some
                            ? Integer.toUnsignedLong(mirror.getRuntimeFraction()
                                    .getDefaultValue()
                                    .getNumerator())
                            : 100,
                    some ? CompiledMatch.denominator(mirror.getRuntimeFraction().getDefaultValue()) : 100,
                    !mirror.getDisableShadowHostSuffixAppend()));
        }
        return List.copyOf(mirrors);
    }

    static java.time.Duration duration(Duration proto) {
        return java.time.Duration.ofNanos(Durations.toNanos(proto));
    }
}
