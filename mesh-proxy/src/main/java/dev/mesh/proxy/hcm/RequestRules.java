package dev.mesh.proxy.hcm;

import dev.mesh.api.decide.PathNormalizer;
import dev.mesh.proxy.filter.DownstreamConnection;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.stream.StreamInfo;
import java.net.InetAddress;
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
        "x-envoy-expected-rq-timeout-ms"
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
    /// @param invalid whether the message itself was at fault, which may cost the connection
    record Refusal(int status, HeaderMap headers, String detail, boolean invalid) {
        /// What Envoy's codec refuses it answers with words, what its connection manager refuses without.
        String body() {
            return !detail.startsWith("http1.") ? "" : status == 403 ? "Forbidden" : "Bad Request";
        }
    }

    private static Refusal invalid(String detail) {
        return new Refusal(400, new HeaderMap(), detail, true);
    }

    /// @return null if the request may go on
    static @Nullable Refusal apply(
            Settings settings, DownstreamConnection connection, RequestHead head, StreamInfo info) {
        HeaderMap headers = head.headers();
        if (settings.underscores() != Settings.Underscores.ALLOW) {
            for (int i = headers.count() - 1; i >= 0; i--) {
                if (i < headers.count() && headers.name(i).indexOf('_') >= 0) {
                    if (settings.underscores() == Settings.Underscores.REJECT_REQUEST) {
                        return invalid("http1.unexpected_underscore");
                    }
                    headers.remove(headers.name(i));
                }
            }
        }
        // At the edge, who asks for TLS in plaintext is not taken for one who has it.
        if (head.scheme().equals("https")
                && head.protocol() != Protocol.HTTP_2
                && settings.forwarding().useRemoteAddress()
                && settings.forwarding().trustedHops() == 0
                && !connection.view().transportProtocol().equals("tls")) {
            return new Refusal(403, new HeaderMap(), "http1.invalid_scheme", true);
        }
        if (head.path().indexOf('#') >= 0) {
            return invalid("path_normalization_failed");
        }
        if (!head.path().isEmpty()) {
            Refusal refused = normalizePath(settings, head);
            if (refused != null) {
                return refused;
            }
        }
        stripHost(settings, connection, head);
        if (head.authority().isEmpty()) {
            return invalid("missing_host_header");
        }
        // forward_client_cert_details is SANITIZE: what a client says of its certificate is not believed.
        headers.remove("x-forwarded-client-cert");
        var client = ClientAddress.of(settings.forwarding(), headers);
        info.connection = client.on(connection.view());
        boolean internal = client.only() && isInternal(settings.forwarding(), info.connection.sourceAddress());
        boolean edge = settings.forwarding().useRemoteAddress() && !internal;
        if (internal) {
            headers.set("x-envoy-internal", "true");
        } else {
            headers.remove("x-envoy-internal");
            remove(headers, EXTERNAL_CONTROL);
        }
        if (edge) {
            remove(headers, EDGE_ONLY);
            headers.set(
                    "x-envoy-external-address", info.connection.sourceAddress().getHostAddress());
        }
        forwarded(settings, connection, head);
        if (!settings.via().isEmpty()) {
            headers.add("via", settings.via());
        }
        requestId(settings, headers, edge);
        return null;
    }

    private static boolean isInternal(Settings.Forwarding forwarding, InetAddress client) {
        for (int i = 0; i < forwarding.internal().size(); i++) {
            if (forwarding.internal().get(i).contains(client)) {
                return true;
            }
        }
        return false;
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
                new Refusal(307, new HeaderMap().add("location", path), "path_normalization_failed", false);
            case PathNormalizer.Result.Rejected() -> invalid("path_normalization_failed");
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

    // At the edge what the client says of itself counts for nothing, unless trusted hops say it.
    private static void forwarded(Settings settings, DownstreamConnection connection, RequestHead head) {
        var forwarding = settings.forwarding();
        HeaderMap headers = head.headers();
        String transport = connection.view().transportProtocol().equals("tls") ? "https" : "http";
        if (forwarding.useRemoteAddress()) {
            if (!forwarding.skipXffAppend()) {
                String peer = connection.view().directSourceAddress().getHostAddress();
                String given = headers.joined("x-forwarded-for");
                headers.set("x-forwarded-for", given == null ? peer : given + "," + peer);
            }
            if (forwarding.trustedHops() == 0) {
                headers.set("x-forwarded-proto", transport);
            }
        }
        if (forwarding.appendPort()
                && ((forwarding.useRemoteAddress() && forwarding.trustedHops() == 0)
                        || !headers.contains("x-forwarded-port"))) {
            headers.set("x-forwarded-port", Integer.toString(connection.view().destinationPort()));
        }
        if (!headers.contains("x-forwarded-proto")) {
            headers.set("x-forwarded-proto", transport);
        }
        if (!forwarding.scheme().isEmpty()) {
            headers.set("x-forwarded-proto", forwarding.scheme());
        }
        if (!head.scheme().isEmpty() && forwarding.scheme().isEmpty()) {
            return; // the client said it: absolute form, or HTTP/2
        }
        String said = headers.get("x-forwarded-proto");
        head.scheme("https".equalsIgnoreCase(said) ? "https" : "http".equalsIgnoreCase(said) ? "http" : transport);
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
