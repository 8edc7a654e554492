package dev.mesh.api.decide;

import com.google.re2j.Pattern;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What happens to a request once a route has matched it. Durations are what Envoy means by the field:
/// null = unset with Envoy's default already filled in where there is one, zero = off.
public sealed interface RouteAction {

    /// Send it on.
    ///
    /// @param timeout of the whole exchange with retries, from the end of the request; default 15 s, zero = off
    /// @param idleTimeout overrides the connection manager's stream idle timeout; null = not set
    /// @param maxStreamDuration null = the connection manager's stands; zero = off
    /// @param retry null = no retries but those the request's headers ask for
    /// @param upgrades upgrade types (lower case) that this route turns on (true) or off (false)
    /// @param clusterNotFoundStatus 503 by default
    /// @param includeAttemptCountInRequest x-envoy-attempt-count to the upstream
    record Forward(
            ClusterSpecifier clusters,
            Rewrite rewrite,
            Duration timeout,
            @Nullable Duration idleTimeout,
            @Nullable MaxStreamDuration maxStreamDuration,
            @Nullable RetryPolicy retry,
            List<HashPolicy> hashPolicies,
            List<Mirror> mirrors,
            java.util.Map<String, Boolean> upgrades,
            int clusterNotFoundStatus,
            Priority priority,
            boolean includeAttemptCountInRequest,
            boolean includeAttemptCountInResponse)
            implements RouteAction {}

    /// Answer with 3xx; no upstream sees it.
    ///
    /// @param host empty = the request's
    /// @param port 0 = the request's, or none where the scheme changes
    /// @param scheme empty = the request's
    record Redirect(
            int status,
            String scheme,
            String host,
            int port,
            @Nullable PathRewrite path,
            boolean stripQuery) implements RouteAction {}

    /// Answer at once.
    record DirectResponse(int status, String body) implements RouteAction {}

    /// A route that is for gRPC servers and never forwards: 404 in a proxy.
    record NonForwarding() implements RouteAction {}

    /// Which cluster takes the request.
    sealed interface ClusterSpecifier {
        record Single(String cluster) implements ClusterSpecifier {}

        /// @param header lower case; its value names the cluster
        record FromHeader(String header) implements ClusterSpecifier {}

        /// @param totalWeight sum of the weights, at least 1
        /// @param randomHeader header whose number replaces the random draw; empty = none
        record Weighted(List<WeightedCluster> clusters, long totalWeight, String randomHeader)
                implements ClusterSpecifier {}
    }

    /// @param cluster name, or empty where `clusterHeader` is set
    record WeightedCluster(
            String cluster,
            String clusterHeader,
            long weight,
            String hostRewrite,
            HeaderMutations requestHeaders,
            HeaderMutations responseHeaders,
            java.util.Map<String, com.google.protobuf.Any> perFilterConfig) {}

    /// @param host null = leave
    /// @param path null = leave
    record Rewrite(@Nullable HostRewrite host, @Nullable PathRewrite path, boolean appendXForwardedHost) {
        public static final Rewrite NONE = new Rewrite(null, null, false);
    }

    sealed interface HostRewrite {
        record Literal(String host) implements HostRewrite {}

        /// The chosen endpoint's host name (STRICT_DNS and LOGICAL_DNS, or EDS hostname).
        record Auto() implements HostRewrite {}

        /// @param header lower case
        record FromHeader(String header) implements HostRewrite {}

        record PathRegex(Pattern pattern, String substitution) implements HostRewrite {}
    }

    sealed interface PathRewrite {
        /// Replaces [RouteMatch#rewrittenLength] chars.
        record Prefix(String prefix) implements PathRewrite {}

        /// Redirect only: replaces path and query.
        record Full(String path) implements PathRewrite {}

        /// @param substitution RE2 form, `\1`
        record Regex(Pattern pattern, String substitution) implements PathRewrite {}
    }

    record MaxStreamDuration(
            @Nullable Duration max,
            @Nullable Duration grpcTimeoutHeaderMax,
            @Nullable Duration grpcTimeoutHeaderOffset) {}

    /// `envoy.config.route.v3.RetryPolicy` with defaults filled in.
    ///
    /// @param retryOn Envoy's words, such as `5xx`, `connect-failure`
    /// @param numRetries default 1
    /// @param perTryTimeout null = the whole timeout
    /// @param backoffBase default 25 ms
    /// @param backoffMax default 10 × base
    /// @param previousHosts whether `retry_host_predicate` has previous_hosts
    /// @param hostSelectionMaxAttempts default 1
    record RetryPolicy(
            Set<String> retryOn,
            int numRetries,
            @Nullable Duration perTryTimeout,
            @Nullable Duration perTryIdleTimeout,
            Set<Integer> retriableStatusCodes,
            List<HeaderMatch> retriableHeaders,
            List<HeaderMatch> retriableRequestHeaders,
            Duration backoffBase,
            Duration backoffMax,
            boolean previousHosts,
            int hostSelectionMaxAttempts) {}

    /// A part of the hash; combined as `rotl(hash, 1) ^ new`.
    sealed interface HashPolicy {
        /// Stop here if this one gave a hash.
        boolean terminal();

        record Header(String name, @Nullable Pattern pattern, String substitution, boolean terminal)
                implements HashPolicy {}

        /// @param ttl null = only use the cookie that is there; zero = session cookie
        record Cookie(String name, @Nullable Duration ttl, String path, List<String> attributes, boolean terminal)
                implements HashPolicy {}

        record SourceIp(boolean terminal) implements HashPolicy {}

        record QueryParameter(String name, boolean terminal) implements HashPolicy {}
    }

    /// @param cluster name, or empty where `clusterHeader` is set
    /// @param numerator of `denominator` requests are mirrored
    record Mirror(String cluster, String clusterHeader, long numerator, long denominator, boolean shadowHostSuffix) {}

    enum Priority {
        DEFAULT,
        HIGH
    }
}
