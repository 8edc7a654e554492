package dev.mesh.proxy.hcm;

import dev.mesh.api.decide.RouteTable;
import dev.mesh.proxy.codec.Http1Limits;
import dev.mesh.proxy.codec.Http2Limits;
import dev.mesh.proxy.filter.AccessLogger;
import dev.mesh.proxy.filter.HttpFilter;
import dev.mesh.proxy.filter.HttpFilterFactory;
import dev.mesh.proxy.http.Protocol;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A checked `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`, with
/// Envoy's defaults filled in.
///
/// @param routes newest route table; null while there is none
/// @param upgrades lower case, that are on for routes which do not say otherwise
record Settings(
        String statPrefix,
        Codec codec,
        Http1Limits http1,
        Http2Limits http2,
        Supplier<@Nullable RouteTable> routes,
        List<Filter> filters,
        List<AccessLogger> accessLogs,
        String serverName,
        ServerHeader serverHeader,
        Timeouts timeouts,
        Forwarding forwarding,
        boolean generateRequestId,
        boolean preserveExternalRequestId,
        boolean alwaysSetRequestIdInResponse,
        boolean normalizePath,
        boolean mergeSlashes,
        EscapedSlashes escapedSlashes,
        Underscores underscores,
        boolean stripMatchingPort,
        boolean stripAnyPort,
        boolean stripTrailingDot,
        Set<String> upgrades,
        String via,
        int maxRequestsPerConnection,
        boolean http1SurvivesInvalid) {

    /// Whether a connection goes on after a request that is framed well and says something impossible
    /// (`stream_error_on_invalid_http_message`).
    boolean survivesInvalid(Protocol protocol) {
        return protocol == Protocol.HTTP_2 ? http2.streamErrors() : http1SurvivesInvalid;
    }

    /// What is believed and said of who sent a request and how.
    ///
    /// @param trustedHops proxies in front of this one whose `x-forwarded-*` are believed
    /// @param internal clients that may steer the proxy with `x-envoy-*`; Envoy's default is nobody
    /// @param scheme that requests get whatever they came with; empty = leave
    record Forwarding(
            boolean useRemoteAddress,
            int trustedHops,
            boolean skipXffAppend,
            boolean appendPort,
            List<AddressRange> internal,
            String scheme) {}

    /// How long things may take; zero = without a limit.
    ///
    /// @param idle a connection without requests
    /// @param streamIdle a request without a byte in either direction
    /// @param request from the first byte of a request to its last
    /// @param requestHeaders from the first byte of a request to the end of its head
    /// @param maxStream a request with its response
    /// @param drain between the announcement that an HTTP/2 connection goes and its end
    /// @param delayedClose for a client to take the last response of a connection
    record Timeouts(
            Duration idle,
            Duration streamIdle,
            Duration request,
            Duration requestHeaders,
            Duration maxConnection,
            Duration maxStream,
            Duration drain,
            Duration delayedClose) {}

    enum Codec {
        AUTO,
        HTTP_1,
        HTTP_2
    }

    enum ServerHeader {
        OVERWRITE,
        APPEND_IF_ABSENT,
        PASS_THROUGH
    }

    enum EscapedSlashes {
        KEEP,
        REJECT,
        UNESCAPE_AND_REDIRECT,
        UNESCAPE_AND_FORWARD
    }

    enum Underscores {
        ALLOW,
        REJECT_REQUEST,
        DROP_HEADER
    }

    /// @param name as configured: the key of its per-route configuration
    record Filter(String name, HttpFilterFactory factory, HttpFilter.Bound bound) {}
}
