package dev.mesh.api.validate;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.networking.Headers;
import dev.mesh.api.networking.StringMatch;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.networking.VirtualService.AbortWith;
import dev.mesh.api.networking.VirtualService.HttpMatch;
import dev.mesh.api.networking.VirtualService.HttpRoute;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// VirtualService.
final class VirtualServiceRules {
    private static final long LARGEST_RATIO = 10;
    private static final Set<String> RETRY_ON = Set.of(
            "5xx",
            "gateway-error",
            "reset",
            "reset-before-request",
            "connect-failure",
            "envoy-ratelimited",
            "retriable-4xx",
            "refused-stream",
            "retriable-status-codes",
            "retriable-headers",
            "http3-post-connect-failure",
            "cancelled",
            "deadline-exceeded",
            "internal",
            "resource-exhausted",
            "unavailable");
    private static final Set<Integer> REDIRECTS = Set.of(0, 301, 302, 303, 307, 308);
    private static final Set<String> GRPC = Set.of(
            "CANCELLED",
            "UNKNOWN",
            "INVALID_ARGUMENT",
            "DEADLINE_EXCEEDED",
            "NOT_FOUND",
            "ALREADY_EXISTS",
            "PERMISSION_DENIED",
            "UNAUTHENTICATED",
            "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION",
            "ABORTED",
            "OUT_OF_RANGE",
            "UNIMPLEMENTED",
            "INTERNAL",
            "UNAVAILABLE",
            "DATA_LOSS");

    private final Check check;

    VirtualServiceRules(Check check) {
        this.check = check;
    }

    void check(VirtualService spec) {
        boolean delegate = spec.hosts().isEmpty();
        hosts(spec);
        if (delegate
                && (spec.http().isEmpty()
                        || !spec.tls().isEmpty()
                        || !spec.tcp().isEmpty())) {
            check.error("spec.hosts", "empty (expected: at least one; only a delegate with http alone has none)");
        }
        if (!delegate
                && spec.http().isEmpty()
                && spec.tls().isEmpty()
                && spec.tcp().isEmpty()) {
            check.error("spec", "no rules (expected: http, tls or tcp)");
        }
        for (int i = 0; i < spec.gateways().size(); i++) {
            if (!spec.gateways().get(i).matches("([^/]+/)?[^/]+")) {
                check.error(
                        "spec.gateways[" + i + "]",
                        "\"" + spec.gateways().get(i) + "\" (expected: name, namespace/name or mesh)");
            }
        }
        for (int i = 0; i < spec.http().size(); i++) {
            http("spec.http[" + i + "]", spec.http().get(i));
        }
        for (int i = 0; i < spec.tls().size(); i++) {
            tls("spec.tls[" + i + "]", spec.tls().get(i));
        }
        for (int i = 0; i < spec.tcp().size(); i++) {
            tcp("spec.tcp[" + i + "]", spec.tcp().get(i));
        }
    }

    private void hosts(VirtualService spec) {
        boolean mesh = spec.gateways().isEmpty() || spec.gateways().contains("mesh");
        var seen = new HashSet<String>();
        for (int i = 0; i < spec.hosts().size(); i++) {
            String host = spec.hosts().get(i);
            String path = "spec.hosts[" + i + "]";
            check.host(path, host, true);
            if (host.equals("*") && mesh) {
                check.error(
                        path, "\"*\" (expected: names, since the rules hold for the mesh and not for a gateway alone)");
            }
            if (!seen.add(host)) {
                check.error(path, "\"" + host + "\" stands twice");
            }
        }
    }

    private void http(String path, HttpRoute route) {
        actions(path, route);
        for (int i = 0; i < route.match().size(); i++) {
            match(path + ".match[" + i + "]", route.match().get(i));
        }
        long total = 0;
        for (int i = 0; i < route.route().size(); i++) {
            var destination = route.route().get(i);
            String at = path + ".route[" + i + "]";
            check.destination(at + ".destination", destination.destination());
            check.atLeastZero(at + ".weight", destination.weight());
            headers(at + ".headers", destination.headers());
            total += destination.weight();
        }
        if (route.route().size() > 1 && total == 0) {
            check.error(path + ".route", "all weights are 0 (expected: a sum of at least 1)");
        } else if (route.route().size() > 1) {
            weightSum(
                    path + ".route",
                    route.route().stream()
                            .mapToLong(VirtualService.HttpRouteDestination::weight)
                            .toArray());
        }
        check.duration(path + ".timeout", route.timeout());
        headers(path + ".headers", route.headers());
        retries(path + ".retries", route.retries());
        fault(path + ".fault", route.fault());
        mirrors(path, route);
        cors(path + ".corsPolicy", route.corsPolicy());
        if (route.rewrite() != null && route.rewrite().uriRegexRewrite() != null) {
            check.regex(
                    path + ".rewrite.uriRegexRewrite.match",
                    route.rewrite().uriRegexRewrite().match());
            if (!route.rewrite().uri().isEmpty()) {
                check.error(path + ".rewrite", "uri and uriRegexRewrite (expected: one of them)");
            }
        }
    }

    private void actions(String path, HttpRoute route) {
        int actions = (route.route().isEmpty() ? 0 : 1)
                + (route.redirect() == null ? 0 : 1)
                + (route.directResponse() == null ? 0 : 1)
                + (route.delegate() == null ? 0 : 1);
        if (actions != 1) {
            check.error(
                    path,
                    (actions == 0 ? "nothing to do" : actions + " of route, redirect, directResponse and delegate")
                            + " (expected: exactly one of route, redirect, directResponse or delegate)");
        }
        if (route.redirect() != null) {
            redirect(path + ".redirect", route.redirect());
            if (route.rewrite() != null) {
                check.error(path + ".rewrite", "beside a redirect (expected: one of them)");
            }
        }
        if (route.directResponse() != null) {
            direct(path + ".directResponse", route.directResponse());
        }
    }

    private void redirect(String path, VirtualService.HttpRedirect redirect) {
        if (!REDIRECTS.contains(redirect.redirectCode())) {
            check.error(path + ".redirectCode", redirect.redirectCode() + " (expected: 301, 302, 303, 307 or 308)");
        }
        if (redirect.redirectPort() instanceof VirtualService.RedirectPort.Port(int port)) {
            check.port(path + ".port", port);
        }
        if (!Set.of("", "http", "https").contains(redirect.scheme())) {
            check.error(path + ".scheme", "\"" + redirect.scheme() + "\" (expected: http or https)");
        }
    }

    private void direct(String path, VirtualService.DirectResponse direct) {
        if (direct.status() < 200 || direct.status() > 599) {
            check.error(path + ".status", direct.status() + " (expected: 200-599)");
        }
        if (direct.body() instanceof VirtualService.Body.Bytes(String bytes)) {
            try {
                Base64.getDecoder().decode(bytes);
            } catch (IllegalArgumentException e) {
                check.error(path + ".body.bytes", "no Base64: " + e.getMessage());
            }
        }
    }

    private void match(String path, HttpMatch match) {
        check.match(path + ".uri", match.uri());
        check.match(path + ".method", match.method());
        check.match(path + ".scheme", match.scheme());
        check.match(path + ".authority", match.authority());
        each(path + ".headers", match.headers(), true);
        each(path + ".withoutHeaders", match.withoutHeaders(), true);
        each(path + ".queryParams", match.queryParams(), false);
        check.optionalPort(path + ".port", match.port());
        String uri = switch (match.uri()) {
            case StringMatch.Exact(String exact) -> exact;
            case StringMatch.Prefix(String prefix) -> prefix;
            case null, default -> "/";
        };
        if (!uri.isEmpty() && !uri.startsWith("/") && !uri.equals("*")) {
            check.add(
                    Finding.Code.UNREACHABLE_RULE,
                    path + ".uri",
                    "\"" + uri + "\" matches no path (expected: a / at its start)");
        }
    }

    private void each(String path, Map<String, StringMatch> matches, boolean header) {
        matches.forEach((name, match) -> {
            String at = path + "[\"" + name + "\"]";
            if (header && !name.startsWith("@request.auth.claims")) {
                check.headerName(at, name);
            }
            check.match(at, match);
        });
    }

    private void headers(String path, @Nullable Headers headers) {
        if (headers != null) {
            operations(path + ".request", headers.request());
            operations(path + ".response", headers.response());
        }
    }

    private void operations(String path, Headers.@Nullable HeaderOperations operations) {
        if (operations == null) {
            return;
        }
        values(path + ".set", operations.set());
        values(path + ".add", operations.add());
        for (int i = 0; i < operations.remove().size(); i++) {
            String name = operations.remove().get(i);
            check.headerName(path + ".remove[" + i + "]", name);
            if (name.equalsIgnoreCase("host")) {
                check.error(path + ".remove[" + i + "]", "\"host\" cannot be removed");
            }
        }
    }

    private void values(String path, Map<String, String> headers) {
        headers.forEach((name, value) -> {
            String at = path + "[\"" + name + "\"]";
            if (!name.equals(":authority")) {
                check.headerName(at, name);
            }
            if (value.chars().anyMatch(c -> c == '\r' || c == '\n' || c == 0)) {
                check.error(at, "has a line break or NUL in it (expected: one line)");
            }
        });
    }

    private void retries(String path, VirtualService.@Nullable HttpRetry retries) {
        if (retries == null) {
            return;
        }
        check.atLeastZero(path + ".attempts", retries.attempts());
        check.positive(path + ".perTryTimeout", retries.perTryTimeout());
        check.positive(path + ".backoff", retries.backoff());
        if (retries.attempts() == 0
                && (retries.perTryTimeout() != null || !retries.retryOn().isEmpty())) {
            check.error(path, "attempts is 0, which switches retries off (expected: nothing beside it)");
        }
        for (String word : retries.retryOn().split(",", -1)) {
            String condition = word.strip();
            boolean status = condition.matches("[1-5][0-9]{2}");
            if (!condition.isEmpty() && !status && !RETRY_ON.contains(condition)) {
                check.error(
                        path + ".retryOn",
                        "\"" + condition + "\" (expected: a status code, or of "
                                + RETRY_ON.stream().sorted().toList() + ")");
            }
        }
    }

    private void fault(String path, VirtualService.@Nullable HttpFault fault) {
        if (fault == null) {
            return;
        }
        if (fault.delay() == null && fault.abort() == null) {
            check.error(path, "empty (expected: delay or abort)");
        }
        if (fault.delay() != null) {
            check.percent(path + ".delay.percentage", fault.delay().percentage());
            check.percent(path + ".delay.percent", fault.delay().percent());
            switch (fault.delay().time()) {
                case null -> check.error(path + ".delay", "no fixedDelay");
                case VirtualService.DelayTime.Fixed(java.time.Duration delay) ->
                    check.positive(path + ".delay.fixedDelay", delay);
                case VirtualService.DelayTime.Exponential(java.time.Duration delay) ->
                    check.positive(path + ".delay.exponentialDelay", delay);
            }
        }
        if (fault.abort() != null) {
            check.percent(path + ".abort.percentage", fault.abort().percentage());
            abort(path + ".abort", fault.abort().with());
        }
    }

    private void abort(String path, @Nullable AbortWith with) {
        switch (with) {
            case null -> check.error(path, "nothing to answer with (expected: httpStatus or grpcStatus)");
            case AbortWith.HttpStatus(int status) -> {
                if (status < 200 || status > 599) {
                    check.error(path + ".httpStatus", status + " (expected: 200-599)");
                }
            }
            case AbortWith.GrpcStatus(String status) -> {
                if (!GRPC.contains(status)) {
                    check.error(
                            path + ".grpcStatus",
                            "\"" + status + "\" (expected: one of "
                                    + GRPC.stream().sorted().toList() + ")");
                }
            }
            case AbortWith.Http2Error ignored -> {}
        }
    }

    private void mirrors(String path, HttpRoute route) {
        if (route.mirror() != null) {
            check.destination(path + ".mirror", route.mirror());
            if (!route.mirrors().isEmpty()) {
                check.error(path + ".mirrors", "beside mirror (expected: one of them)");
            }
        }
        check.percent(path + ".mirrorPercentage", route.mirrorPercentage());
        if (route.mirrorPercent() != null) {
            check.percent(path + ".mirrorPercent", route.mirrorPercent());
        }
        for (int i = 0; i < route.mirrors().size(); i++) {
            String at = path + ".mirrors[" + i + "]";
            check.destination(at + ".destination", route.mirrors().get(i).destination());
            check.percent(at + ".percentage", route.mirrors().get(i).percentage());
        }
    }

    private void cors(String path, VirtualService.@Nullable CorsPolicy cors) {
        if (cors == null) {
            return;
        }
        for (int i = 0; i < cors.allowOrigins().size(); i++) {
            check.match(path + ".allowOrigins[" + i + "]", cors.allowOrigins().get(i));
        }
        check.duration(path + ".maxAge", cors.maxAge());
    }

    private void tls(String path, VirtualService.TlsRoute route) {
        if (route.match().isEmpty()) {
            check.error(path + ".match", "empty (expected: at least one, with sniHosts)");
        }
        for (int i = 0; i < route.match().size(); i++) {
            var match = route.match().get(i);
            String at = path + ".match[" + i + "]";
            if (match.sniHosts().isEmpty()) {
                check.error(at + ".sniHosts", "empty (expected: at least one)");
            }
            for (int j = 0; j < match.sniHosts().size(); j++) {
                check.host(at + ".sniHosts[" + j + "]", match.sniHosts().get(j), true);
            }
            subnets(at, match.destinationSubnets());
            check.optionalPort(at + ".port", match.port());
        }
        destinations(path + ".route", route.route());
    }

    private void tcp(String path, VirtualService.TcpRoute route) {
        for (int i = 0; i < route.match().size(); i++) {
            String at = path + ".match[" + i + "]";
            subnets(at, route.match().get(i).destinationSubnets());
            check.optionalPort(at + ".port", route.match().get(i).port());
        }
        destinations(path + ".route", route.route());
    }

    private void subnets(String path, List<String> subnets) {
        for (int i = 0; i < subnets.size(); i++) {
            check.subnet(path + ".destinationSubnets[" + i + "]", subnets.get(i));
        }
    }

    // Weights are shares of their sum, as in Istio; but people who write 60 and 60 mean percents.
    private void weightSum(String path, long[] weights) {
        long sum = Arrays.stream(weights).sum();
        boolean percents = Arrays.stream(weights).anyMatch(weight -> weight > LARGEST_RATIO);
        if (percents && sum != 100 && Arrays.stream(weights).allMatch(weight -> weight >= 0)) {
            check.add(
                    Finding.Code.WEIGHT_SUM,
                    path,
                    "the weights sum up to " + sum + ", so the shares are "
                            + Arrays.stream(weights)
                                    .mapToObj(weight -> Math.round(weight * 1000.0 / sum) / 10.0 + " %")
                                    .collect(Collectors.joining(", "))
                            + " (expected: a sum of 100)");
        }
    }

    private void destinations(String path, List<VirtualService.RouteDestination> destinations) {
        long total = 0;
        for (int i = 0; i < destinations.size(); i++) {
            check.destination(
                    path + "[" + i + "].destination", destinations.get(i).destination());
            check.atLeastZero(path + "[" + i + "].weight", destinations.get(i).weight());
            total += destinations.get(i).weight();
        }
        if (destinations.isEmpty()) {
            check.error(path, "empty (expected: at least one destination)");
        } else if (destinations.size() > 1 && total == 0) {
            check.error(path, "all weights are 0 (expected: a sum of at least 1)");
        } else if (destinations.size() > 1) {
            weightSum(
                    path,
                    destinations.stream()
                            .mapToLong(VirtualService.RouteDestination::weight)
                            .toArray());
        }
    }
}
