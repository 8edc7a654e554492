package dev.mesh.pilot.generate;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.networking.ClientTls;
import dev.mesh.api.networking.ConnectionPool;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.Headers;
import dev.mesh.api.networking.LoadBalancer;
import dev.mesh.api.networking.TrafficPolicy;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.push.ClientTlsSupport;
import dev.mesh.pilot.push.DestinationRules;
import dev.mesh.pilot.push.PushContext;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What a gRPC library that speaks xDS itself does not do of what the rules for it say. By gRFC A28 (routes and what
/// they match), A31 (timeouts), A32 (circuit breaking), A33 (faults), A42 (ring hash), A44 (retries), A29 (TLS) and
/// A50 (outlier detection).
final class ProxylessRemarks {
    private static final Set<String> RETRIED =
            Set.of("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable");
    private static final int MOST_RETRIES = 4;
    private static final String NOT_BY_GRPC = "not honoured by gRPC clients without a proxy";

    private final Consumer<Finding> findings;

    ProxylessRemarks(Consumer<Finding> findings) {
        this.findings = findings;
    }

    private void say(MeshObject object, Finding.Code code, String path, String message) {
        findings.accept(new Finding(
                code, object.ref(), path, message, object.positions().of(path)));
    }

    private void unless(boolean fine, MeshObject object, String path, String why) {
        if (!fine) {
            say(object, Finding.Code.NOT_HONOURED, path, NOT_BY_GRPC + (why.isEmpty() ? "" : ": " + why));
        }
    }

    // ---- VirtualService ----

    void route(PushContext.Rule<VirtualService> rule, RouteProtos.RouteInput input) {
        MeshObject object = rule.object();
        VirtualService.HttpRoute http = input.http();
        int index =
                object.spec() instanceof VirtualService written ? written.http().indexOf(http) : -1;
        // A delegate's rule stands in the place of another.
        String path = index >= 0 ? "spec.http[" + index + "]" : "spec.http";
        headers(object, path, http.headers());
        for (int i = 0; i < http.route().size(); i++) {
            headers(object, path + ".route[" + i + "]", http.route().get(i).headers());
        }
        unless(http.rewrite() == null, object, path + ".rewrite", "they send what was asked for");
        unless(http.mirror() == null, object, path + ".mirror", "");
        unless(http.mirrors().isEmpty(), object, path + ".mirrors", "");
        unless(http.corsPolicy() == null, object, path + ".corsPolicy", "it is for browsers");
        unless(
                http.redirect() == null,
                object,
                path + ".redirect",
                "calls fail as they would on an answer of " + RouteProtos.answer(http));
        retries(object, path + ".retries", http.retries());
        VirtualService.HttpMatch match = input.match();
        int matching = match == null ? -1 : http.match().indexOf(match);
        if (match != null && matching >= 0) {
            match(object, path + ".match[" + matching + "]", match);
        }
    }

    private void headers(MeshObject object, String path, @Nullable Headers headers) {
        if (headers != null) {
            unless(changesNothing(headers.request()), object, path + ".headers.request", "they change no headers");
            unless(changesNothing(headers.response()), object, path + ".headers.response", "they change no headers");
        }
    }

    private static boolean changesNothing(Headers.@Nullable HeaderOperations operations) {
        return operations == null
                || operations.set().isEmpty()
                        && operations.add().isEmpty()
                        && operations.remove().isEmpty();
    }

    private void retries(MeshObject object, String path, VirtualService.@Nullable HttpRetry retries) {
        if (retries == null || retries.attempts() == 0) {
            return;
        }
        List<String> unknown = Arrays.stream(retries.retryOn().split(","))
                .map(String::strip)
                .filter(condition -> !condition.isEmpty() && !RETRIED.contains(condition))
                .toList();
        unless(
                unknown.isEmpty(),
                object,
                path + ".retryOn",
                String.join(",", unknown)
                        + " (expected: of cancelled, deadline-exceeded, internal, resource-exhausted, "
                        + "unavailable)");
        unless(
                retries.attempts() <= MOST_RETRIES,
                object,
                path + ".attempts",
                "they retry " + MOST_RETRIES + " times at most");
        unless(retries.perTryTimeout() == null, object, path + ".perTryTimeout", "");
        unless(
                retries.retryIgnorePreviousHosts() == null || !retries.retryIgnorePreviousHosts(),
                object,
                path + ".retryIgnorePreviousHosts",
                "");
    }

    private void match(MeshObject object, String path, VirtualService.HttpMatch match) {
        String never = "they find no such header, so that no call matches";
        unless(match.method() == null, object, path + ".method", never);
        unless(match.authority() == null, object, path + ".authority", never);
        unless(match.scheme() == null, object, path + ".scheme", never);
        unless(match.queryParams().isEmpty(), object, path + ".queryParams", "the match is left out");
    }

    // ---- DestinationRule ----

    void rule(DestinationRules.Merged rule) {
        for (PushContext.Rule<DestinationRule> one : rule.rules()) {
            TrafficPolicy policy = one.spec().trafficPolicy();
            if (policy != null && policy == rule.policy()) {
                policy(one.object(), "spec.trafficPolicy", policy);
            }
            for (int i = 0; i < one.spec().subsets().size(); i++) {
                TrafficPolicy own = one.spec().subsets().get(i).trafficPolicy();
                if (own != null && rule.subsets().contains(one.spec().subsets().get(i))) {
                    policy(one.object(), "spec.subsets[" + i + "].trafficPolicy", own);
                }
            }
        }
    }

    private void policy(MeshObject object, String path, TrafficPolicy policy) {
        balancer(object, path + ".loadBalancer", policy.loadBalancer());
        pool(object, path + ".connectionPool", policy.connectionPool());
        outliers(object, path + ".outlierDetection", policy.outlierDetection() != null);
        tls(object, path + ".tls", policy.tls());
        for (int i = 0; i < policy.portLevelSettings().size(); i++) {
            var port = policy.portLevelSettings().get(i);
            String at = path + ".portLevelSettings[" + i + "]";
            balancer(object, at + ".loadBalancer", port.loadBalancer());
            pool(object, at + ".connectionPool", port.connectionPool());
            outliers(object, at + ".outlierDetection", port.outlierDetection() != null);
            tls(object, at + ".tls", port.tls());
        }
    }

    private void balancer(MeshObject object, String path, @Nullable LoadBalancer balancer) {
        if (balancer == null) {
            return;
        }
        unless(
                balancer.warming() == null,
                object,
                path + (balancer.warmup() == null ? ".warmupDurationSecs" : ".warmup"),
                "");
        switch (balancer.policy()) {
            case LoadBalancer.Policy.Simple(LoadBalancer.SimpleKind kind) ->
                unless(
                        kind == LoadBalancer.SimpleKind.ROUND_ROBIN || kind == LoadBalancer.SimpleKind.UNSPECIFIED,
                        object,
                        path + ".simple",
                        "they get ROUND_ROBIN for " + kind);
            case LoadBalancer.Policy.Hash(LoadBalancer.ConsistentHash hash) -> {
                unless(
                        !(hash.algorithm() instanceof LoadBalancer.HashAlgorithm.MaglevTable),
                        object,
                        path + ".consistentHash.maglev",
                        "they get a ring");
                unless(
                        hash.key() == null || hash.key() instanceof LoadBalancer.HashKey.Header,
                        object,
                        path + ".consistentHash",
                        "they hash by headers only (expected: httpHeaderName)");
            }
            case LoadBalancer.Policy.Utilization ignored -> {} // a remark for everybody
            case null -> {}
        }
    }

    private void pool(MeshObject object, String path, @Nullable ConnectionPool pool) {
        ConnectionPool.Tcp tcp = pool == null ? null : pool.tcp();
        if (tcp != null) {
            unless(tcp.maxConnections() == 0, object, path + ".tcp.maxConnections", "");
            unless(tcp.connectTimeout() == null, object, path + ".tcp.connectTimeout", "");
            unless(tcp.tcpKeepalive() == null, object, path + ".tcp.tcpKeepalive", "");
            unless(tcp.maxConnectionDuration() == null, object, path + ".tcp.maxConnectionDuration", "");
        }
        ConnectionPool.Http http = pool == null ? null : pool.http();
        if (http != null) {
            unless(http.http1MaxPendingRequests() == 0, object, path + ".http.http1MaxPendingRequests", "");
            unless(http.maxRequestsPerConnection() == 0, object, path + ".http.maxRequestsPerConnection", "");
            unless(http.maxRetries() == 0, object, path + ".http.maxRetries", "");
            unless(http.idleTimeout() == null, object, path + ".http.idleTimeout", "");
            unless(http.maxConcurrentStreams() == 0, object, path + ".http.maxConcurrentStreams", "");
            unless(http.http2KeepAlive() == null, object, path + ".http.http2KeepAlive", "");
        }
    }

    private void outliers(MeshObject object, String path, boolean set) {
        unless(!set, object, path, "they count no failures in a row, so that nothing is ejected");
    }

    private void tls(MeshObject object, String path, @Nullable ClientTls tls) {
        if (tls != null && tls.mode() != ClientTls.Mode.DISABLE && !ClientTlsSupport.refuses(tls, true)) {
            say(
                    object,
                    Finding.Code.NOT_HONOURED_FAILS_CLOSED,
                    path,
                    NOT_BY_GRPC + ": they take certificates from their own bootstrap only, and calls fail");
        }
    }
}
