package dev.mesh.api.networking;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Alias;
import dev.mesh.api.shape.Inline;
import dev.mesh.api.shape.Required;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// How traffic to a host is routed (`networking.istio.io` VirtualService).
///
/// @param hosts DNS names, may begin with `*.`; empty only in a delegate
/// @param gateways `name`, `namespace/name` or `mesh`; empty means `mesh`
/// @param exportTo namespaces, `.` or `*`; empty means everywhere
public record VirtualService(
        List<String> hosts,
        List<String> gateways,
        List<HttpRoute> http,
        List<TlsRoute> tls,
        List<TcpRoute> tcp,
        List<String> exportTo)
        implements Spec {

    /// One HTTP rule; the first that matches is taken.
    ///
    /// @param match any of them; empty matches everything
    /// @param timeout null: none; zero: none
    /// @param mirror older form of `mirrors`
    /// @param mirrorPercent older form of `mirrorPercentage`, 0 to 100
    public record HttpRoute(
            String name,
            List<HttpMatch> match,
            List<HttpRouteDestination> route,
            @Nullable HttpRedirect redirect,
            @Nullable DirectResponse directResponse,
            @Nullable Delegate delegate,
            @Nullable HttpRewrite rewrite,
            @Nullable Duration timeout,
            @Nullable HttpRetry retries,
            @Nullable HttpFault fault,
            @Nullable Destination mirror,
            List<MirrorPolicy> mirrors,
            @Alias("mirror_percent") @Nullable Integer mirrorPercent,
            @Nullable Percent mirrorPercentage,
            @Nullable CorsPolicy corsPolicy,
            @Nullable Headers headers) {}

    /// Every field that is set must match.
    ///
    /// @param port of the request's authority; 0: any
    /// @param ignoreUriCase for `uri` exact and prefix
    public record HttpMatch(
            String name,
            @Nullable StringMatch uri,
            @Nullable StringMatch scheme,
            @Nullable StringMatch method,
            @Nullable StringMatch authority,
            Map<String, StringMatch> headers,
            Map<String, StringMatch> withoutHeaders,
            Map<String, StringMatch> queryParams,
            int port,
            boolean ignoreUriCase,
            Map<String, String> sourceLabels,
            String sourceNamespace,
            List<String> gateways,
            String statPrefix) {}

    /// @param weight relative to the sum of all; a single destination may leave it out
    public record HttpRouteDestination(
            @Required Destination destination,
            int weight,
            @Nullable Headers headers) {}

    /// @param redirectCode 0: 301
    public record HttpRedirect(
            String uri,
            String authority,
            String scheme,
            int redirectCode,
            String prefixRewrite,
            @Inline @Nullable RedirectPort redirectPort) {}

    /// The port in the redirect's `Location`.
    public sealed interface RedirectPort {
        record Port(int port) implements RedirectPort {}

        record Derive(DerivePort derivePort) implements RedirectPort {}
    }

    public enum DerivePort {
        FROM_PROTOCOL_DEFAULT,
        FROM_REQUEST_PORT
    }

    /// @param status 200 to 599
    public record DirectResponse(
            @Required int status, @Nullable Body body) {}

    public sealed interface Body {
        record Text(@Alias("string") String string) implements Body {}

        /// @param bytes in Base64, as written
        record Bytes(String bytes) implements Body {}
    }

    /// A VirtualService without hosts whose rules stand in place of this one.
    public record Delegate(String name, String namespace) {}

    public record HttpRewrite(
            String uri, String authority, @Nullable RegexRewrite uriRegexRewrite) {}

    /// @param match RE2
    /// @param rewrite with `\1` for capture groups
    public record RegexRewrite(String match, String rewrite) {}

    /// @param attempts 0 switches retries off
    /// @param perTryTimeout null: the route's timeout
    public record HttpRetry(
            int attempts,
            @Nullable Duration perTryTimeout,
            String retryOn,
            @Nullable Boolean retryRemoteLocalities,
            @Nullable Boolean retryIgnorePreviousHosts,
            @Nullable Duration backoff) {}

    public record HttpFault(@Nullable Delay delay, @Nullable Abort abort) {}

    /// @param percent older form of `percentage`
    public record Delay(
            @Inline @Nullable DelayTime time, @Nullable Percent percentage, int percent) {}

    public sealed interface DelayTime {
        record Fixed(Duration fixedDelay) implements DelayTime {}

        record Exponential(Duration exponentialDelay) implements DelayTime {}
    }

    public record Abort(
            @Inline @Nullable AbortWith with, @Nullable Percent percentage) {}

    public sealed interface AbortWith {
        record HttpStatus(int httpStatus) implements AbortWith {}

        /// @param grpcStatus name of the code, such as `UNAVAILABLE`
        record GrpcStatus(String grpcStatus) implements AbortWith {}

        record Http2Error(String http2Error) implements AbortWith {}
    }

    public record MirrorPolicy(
            @Required Destination destination, @Nullable Percent percentage) {}

    /// @param allowOrigin older form of `allowOrigins`, exact
    public record CorsPolicy(
            List<StringMatch> allowOrigins,
            List<String> allowOrigin,
            List<String> allowMethods,
            List<String> allowHeaders,
            List<String> exposeHeaders,
            @Nullable Duration maxAge,
            @Nullable Boolean allowCredentials,
            UnmatchedPreflights unmatchedPreflights) {}

    public enum UnmatchedPreflights {
        UNSPECIFIED,
        FORWARD,
        IGNORE
    }

    public record TlsRoute(@Required List<TlsMatch> match, List<RouteDestination> route) {}

    /// @param port 0: any
    public record TlsMatch(
            @Required List<String> sniHosts,
            List<String> destinationSubnets,
            int port,
            Map<String, String> sourceLabels,
            List<String> gateways,
            String sourceNamespace) {}

    public record TcpRoute(List<L4Match> match, List<RouteDestination> route) {}

    /// @param port 0: any
    /// @param sourceSubnet accepted by the API and without effect in Istio
    public record L4Match(
            List<String> destinationSubnets,
            int port,
            Map<String, String> sourceLabels,
            List<String> gateways,
            String sourceNamespace,
            String sourceSubnet) {}

    public record RouteDestination(@Required Destination destination, int weight) {}
}
