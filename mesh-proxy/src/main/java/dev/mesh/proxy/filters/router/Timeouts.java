package dev.mesh.proxy.filters.router;

import dev.mesh.api.decide.RouteAction;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.RequestHead;

/// Timeouts of a request: the route's, or what its headers ask for. Milliseconds; 0 = none.
final class Timeouts {
    private static final String[] CONTROL = {
        "x-envoy-retry-on",
        "x-envoy-retry-grpc-on",
        "x-envoy-max-retries",
        "x-envoy-retriable-status-codes",
        "x-envoy-retriable-header-names",
        "x-envoy-upstream-rq-timeout-ms",
        "x-envoy-upstream-rq-per-try-timeout-ms",
        "x-envoy-upstream-rq-timeout-alt-response",
        "x-envoy-hedge-on-per-try-timeout"
    };

    private Timeouts() {}

    static long overall(RouteAction.Forward action, RequestHead head) {
        long millis = action.timeout().toMillis();
        var stream = action.maxStreamDuration();
        if (stream != null && stream.grpcTimeoutHeaderMax() != null) {
            long asked = grpc(head.headers().get("grpc-timeout"));
            long max = stream.grpcTimeoutHeaderMax().toMillis();
            if (asked > 0) {
                millis = max > 0 ? Math.min(asked, max) : asked;
            }
        }
        return given(head, "x-envoy-upstream-rq-timeout-ms", millis);
    }

    static long perTry(RouteAction.Forward action, RequestHead head, long overall) {
        var retry = action.retry();
        long millis = retry == null || retry.perTryTimeout() == null
                ? 0
                : retry.perTryTimeout().toMillis();
        millis = given(head, "x-envoy-upstream-rq-per-try-timeout-ms", millis);
        // One that is not shorter than the whole changes nothing.
        return overall > 0 && millis >= overall ? 0 : millis;
    }

    static void removeControlHeaders(HeaderMap headers) {
        for (String name : CONTROL) {
            headers.remove(name);
        }
    }

    private static long given(RequestHead head, String header, long otherwise) {
        String value = head.headers().get(header);
        return value != null && value.matches("[0-9]{1,9}") ? Long.parseLong(value) : otherwise;
    }

    // gRPC over HTTP/2, "Timeout": up to eight digits and a unit.
    private static long grpc(@org.jspecify.annotations.Nullable String value) {
        if (value == null || !value.matches("[0-9]{1,8}[HMSmun]")) {
            return 0;
        }
        long amount = Long.parseLong(value.substring(0, value.length() - 1));
        return switch (value.charAt(value.length() - 1)) {
            case 'H' -> amount * 3_600_000;
            case 'M' -> amount * 60_000;
            case 'S' -> amount * 1000;
            case 'm' -> amount;
            default -> 1;
        };
    }
}
