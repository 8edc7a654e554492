package dev.mesh.proxy.filters.cors;

import dev.mesh.proxy.filter.HttpFilter;
import dev.mesh.proxy.filter.HttpFilterContext;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResponseHead;
import dev.mesh.proxy.stats.Counter;
import org.jspecify.annotations.Nullable;

/// Enforces the policy of the request's route. Without one it does nothing.
final class CorsFilter implements HttpFilter {
    private static final String ALLOW_ORIGIN = "access-control-allow-origin";
    private static final String ALLOW_CREDENTIALS = "access-control-allow-credentials";

    /// What all streams of one filter count on.
    record Stats(Counter originValid, Counter originInvalid) {}

    private final Stats stats;
    private @Nullable Policy policy;
    private String origin = "";

    CorsFilter(Stats stats) {
        this.stats = stats;
    }

    @Override
    public Status onRequestHead(RequestHead head, boolean end, HttpFilterContext context) {
        if (!(context.perRouteConfig(this) instanceof Policy found)) {
            return Status.CONTINUE;
        }
        boolean enforced = found.enabled().hit(context.random());
        if (!enforced && !found.shadow().hit(context.random())) {
            return Status.CONTINUE;
        }
        String given = head.headers().get("origin");
        if (given == null || given.isEmpty()) {
            return Status.CONTINUE;
        }
        boolean preflight = head.method().equals("OPTIONS") && head.headers().contains("access-control-request-method");
        if (!found.origins().test(given)) {
            stats.originInvalid.inc();
            if (enforced && preflight && !found.forwardNotMatching()) {
                context.localReply(200, "", new HeaderMap(), null, "cors_response");
            }
            return Status.CONTINUE;
        }
        stats.originValid.inc();
        if (!enforced) {
            return Status.CONTINUE;
        }
        if (preflight) {
            context.localReply(200, "", preflight(found, given, head), null, "cors_response");
            return Status.CONTINUE;
        }
        policy = found;
        origin = given;
        return Status.CONTINUE;
    }

    private static HeaderMap preflight(Policy policy, String origin, RequestHead head) {
        var headers = new HeaderMap();
        headers.add(ALLOW_ORIGIN, origin);
        if (policy.credentials()) {
            headers.add(ALLOW_CREDENTIALS, "true");
        }
        if (!policy.methods().isEmpty()) {
            headers.add("access-control-allow-methods", policy.methods());
        }
        if (!policy.headers().isEmpty()) {
            headers.add("access-control-allow-headers", policy.headers());
        }
        if (!policy.maxAge().isEmpty()) {
            headers.add("access-control-max-age", policy.maxAge());
        }
        if (!policy.expose().isEmpty()) {
            headers.add("access-control-expose-headers", policy.expose());
        }
        if (policy.privateNetwork() && "true".equals(head.headers().get("access-control-request-private-network"))) {
            headers.add("access-control-allow-private-network", "true");
        }
        return headers;
    }

    @Override
    public Status onResponseHead(ResponseHead head, boolean end, HttpFilterContext context) {
        Policy enforced = policy;
        if (enforced != null) {
            HeaderMap headers = head.headers();
            headers.set(ALLOW_ORIGIN, origin);
            if (enforced.credentials()) {
                headers.set(ALLOW_CREDENTIALS, "true");
            }
            if (!enforced.expose().isEmpty()) {
                headers.set("access-control-expose-headers", enforced.expose());
            }
        }
        return Status.CONTINUE;
    }
}
