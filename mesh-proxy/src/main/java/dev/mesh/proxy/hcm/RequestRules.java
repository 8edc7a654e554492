package dev.mesh.proxy.hcm;

import dev.mesh.api.decide.PathNormalizer;
import dev.mesh.proxy.filter.DownstreamConnection;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.stream.StreamInfo;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/// What the connection manager does to each request before its filters see it: one canonical path, and
/// headers that nobody outside may set are taken away (Envoy, "HTTP header sanitizing").
final class RequestRules {
    // What a client outside must not steer the router with.
    private static final String[] EXTERNAL_CONTROL = {
        "x-envoy-retry-on",
        "x-envoy-retry-grpc-on",
        "x-envoy-max-retries",
        "x-envoy-retriable-status-codes",
        "x-envoy-retriable-header-names",
        "x-envoy-upstream-rq-timeout-ms",
        "x-envoy-upstream-rq-per-try-timeout-ms",
        "x-envoy-upstream-rq-timeout-alt-response",
        "x-envoy-upstream-alt-stat-name",
        "x-envoy-force-trace",
        "x-envoy-ip-tags",
        "x-envoy-original-url",
        "x-envoy-hedge-on-per-try-timeout",
        "x-envoy-expected-rq-timeout-ms",
        "x-envoy-fault-abort-request",
        "x-envoy-fault-delay-request",
        "x-envoy-fault-throughput-response"
    };
    private static final String[] EDGE_ONLY = {
        "x-envoy-decorator-operation",
        "x-envoy-downstream-service-cluster",
        "x-envoy-downstream-service-node",
        "x-envoy-original-path",
        "x-envoy-original-host"
    };

    private RequestRules() {}

    /// @param headers of the answer
    record Refusal(int status, HeaderMap headers, String detail) {}

    /// @return null if the request may go on
    static @Nullable Refusal apply(
            Settings settings, DownstreamConnection connection, RequestHead head, StreamInfo info) {
        HeaderMap headers = head.headers();
        if (settings.underscores() != Settings.Underscores.ALLOW) {
            for (int i = headers.count() - 1; i >= 0; i--) {
                if (i < headers.count() && headers.name(i).indexOf('_') >= 0) {
                    if (settings.underscores() == Settings.Underscores.REJECT_REQUEST) {
                        return new Refusal(400, new HeaderMap(), "http1.unexpected_underscore");
                    }
                    headers.remove(headers.name(i));
                }
            }
        }
        if (!head.path().isEmpty()) {
            Refusal refused = normalizePath(settings, head);
            if (refused != null) {
                return refused;
            }
        }
        stripHost(settings, connection, head);
        boolean edge = settings.useRemoteAddress();
        headers.remove("x-envoy-internal");
        // forward_client_cert_details is SANITIZE: what a client says of its certificate is not believed.
        headers.remove("x-forwarded-client-cert");
        if (edge) {
            remove(headers, EXTERNAL_CONTROL);
            remove(headers, EDGE_ONLY);
        }
        forwarded(settings, connection, head);
        requestId(settings, headers, edge);
        return null;
    }

    private static @Nullable Refusal normalizePath(Settings settings, RequestHead head) {
        if (!settings.normalizePath()
                && !settings.mergeSlashes()
                && settings.escapedSlashes() == Settings.EscapedSlashes.KEEP) {
            return null;
        }
        var rules = new PathNormalizer.Rules(
                switch (settings.escapedSlashes()) {
                    case KEEP -> PathNormalizer.EscapedSlashes.KEEP;
                    case REJECT -> PathNormalizer.EscapedSlashes.REJECT;
                    case UNESCAPE_AND_REDIRECT -> PathNormalizer.EscapedSlashes.REDIRECT;
                    case UNESCAPE_AND_FORWARD -> PathNormalizer.EscapedSlashes.UNESCAPE;
                },
                settings.normalizePath(),
                settings.mergeSlashes());
        return switch (PathNormalizer.normalize(head.path(), rules)) {
            case PathNormalizer.Result.Path(String path) -> {
                head.path(path);
                yield null;
            }
            case PathNormalizer.Result.Redirect(String path) ->
                new Refusal(307, new HeaderMap().add("location", path), "path_normalization_failed");
            case PathNormalizer.Result.Rejected() -> new Refusal(400, new HeaderMap(), "path_normalization_failed");
        };
    }

    private static void stripHost(Settings settings, DownstreamConnection connection, RequestHead head) {
        String authority = head.authority();
        if (settings.stripAnyPort() || settings.stripMatchingPort()) {
            int colon = authority.lastIndexOf(':');
            if (colon > 0
                    && colon > authority.lastIndexOf(']')
                    && (settings.stripAnyPort()
                            || authority
                                    .substring(colon + 1)
                                    .equals(Integer.toString(connection.view().destinationPort())))) {
                authority = authority.substring(0, colon);
            }
        }
        if (settings.stripTrailingDot()) {
            int colon = authority.lastIndexOf(':');
            int end = colon > authority.lastIndexOf(']') ? colon : authority.length();
            if (end > 1 && authority.charAt(end - 1) == '.') {
                authority = authority.substring(0, end - 1) + authority.substring(end);
            }
        }
        head.authority(authority);
    }

    // x-forwarded-for names the peer, x-forwarded-proto how it came; at the edge what the client says of
    // both counts for nothing unless trusted hops say so.
    private static void forwarded(Settings settings, DownstreamConnection connection, RequestHead head) {
        HeaderMap headers = head.headers();
        if (settings.useRemoteAddress() && !settings.skipXffAppend()) {
            String peer = connection.view().directSourceAddress().getHostAddress();
            String given = headers.joined("x-forwarded-for");
            headers.set("x-forwarded-for", given == null ? peer : given + "," + peer);
        }
        String transport = connection.view().transportProtocol().equals("tls") ? "https" : "http";
        if (settings.useRemoteAddress() && settings.xffTrustedHops() == 0) {
            headers.set("x-forwarded-proto", transport);
        } else {
            String given = headers.get("x-forwarded-proto");
            if (given == null || !(given.equalsIgnoreCase("http") || given.equalsIgnoreCase("https"))) {
                headers.set("x-forwarded-proto", transport);
            }
        }
        head.scheme(transport);
    }

    private static void requestId(Settings settings, HeaderMap headers, boolean edge) {
        if (!settings.generateRequestId()) {
            return;
        }
        if (edge && !settings.preserveExternalRequestId()) {
            headers.remove("x-request-id");
        }
        if (!headers.contains("x-request-id")) {
            var random = ThreadLocalRandom.current();
            long high = random.nextLong() & ~0xF000L | 0x4000L;
            long low = random.nextLong() & 0x3FFFFFFFFFFFFFFFL | 0x8000000000000000L;
            headers.add("x-request-id", new UUID(high, low).toString());
        }
    }

    private static void remove(HeaderMap headers, String[] names) {
        for (String name : names) {
            headers.remove(name);
        }
    }
}
