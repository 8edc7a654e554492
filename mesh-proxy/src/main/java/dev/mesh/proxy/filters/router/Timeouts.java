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
        // A route with max_stream_duration is bounded by that alone, as in Envoy.
        long millis = action.maxStreamDuration() != null ? 0 : action.timeout().toMillis();
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
}
