package dev.mesh.pilot.push;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.networking.StringMatch;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.networking.VirtualService.HttpMatch;
import dev.mesh.api.networking.VirtualService.HttpRoute;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Puts the rules of delegate virtual services in the place of the rules that name them (Istio, `Delegate`): what
/// both ask for must match, and what the delegate says stands over what the root says.
final class Delegates {
    private Delegates() {}

    /// @return virtual services with hosts, without any delegation left
    static List<PushContext.Rule<VirtualService>> resolve(
            List<PushContext.Rule<VirtualService>> all, List<Finding> findings) {
        var delegates = new LinkedHashMap<String, PushContext.Rule<VirtualService>>();
        all.stream()
                .filter(rule -> rule.spec().hosts().isEmpty())
                .forEach(rule -> delegates.put(rule.namespace() + "/" + rule.name(), rule));
        var resolved = new ArrayList<PushContext.Rule<VirtualService>>();
        for (var rule : all) {
            if (rule.spec().hosts().isEmpty()) {
                continue;
            }
            boolean delegating = rule.spec().http().stream().anyMatch(route -> route.delegate() != null);
            resolved.add(delegating ? resolve(rule, delegates, findings) : rule);
        }
        return List.copyOf(resolved);
    }

    private static PushContext.Rule<VirtualService> resolve(
            PushContext.Rule<VirtualService> root,
            Map<String, PushContext.Rule<VirtualService>> delegates,
            List<Finding> findings) {
        var routes = new ArrayList<HttpRoute>();
        for (int i = 0; i < root.spec().http().size(); i++) {
            HttpRoute route = root.spec().http().get(i);
            if (route.delegate() == null) {
                routes.add(route);
                continue;
            }
            String namespace = route.delegate().namespace().isEmpty()
                    ? root.namespace()
                    : route.delegate().namespace();
            var delegate = delegates.get(namespace + "/" + route.delegate().name());
            String path = "spec.http[" + i + "].delegate";
            if (delegate == null) {
                findings.add(Remarks.remark(
                        root.object(),
                        Finding.Code.HOST_NOT_FOUND,
                        path,
                        "no VirtualService " + namespace + "/"
                                + route.delegate().name() + " without hosts"));
                continue;
            }
            for (HttpRoute inner : delegate.spec().http()) {
                if (inner.delegate() != null) {
                    findings.add(Remarks.remark(
                            root.object(),
                            Finding.Code.INVALID_VALUE,
                            path,
                            "VirtualService " + namespace + "/" + delegate.name()
                                    + " delegates again (expected: one level)"));
                    continue;
                }
                merge(route, qualified(inner, delegate.namespace())).ifPresent(routes::add);
            }
        }
        VirtualService spec = root.spec();
        return new PushContext.Rule<>(
                root.object(),
                new VirtualService(
                        spec.hosts(), spec.gateways(), List.copyOf(routes), spec.tls(), spec.tcp(), spec.exportTo()));
    }

    // Short names in a delegate belong to its own namespace.
    private static HttpRoute qualified(HttpRoute route, String namespace) {
        var destinations = route.route().stream()
                .map(one -> new VirtualService.HttpRouteDestination(
                        qualified(one.destination(), namespace), one.weight(), one.headers()))
                .toList();
        var mirrors = route.mirrors().stream()
                .map(one -> new VirtualService.MirrorPolicy(qualified(one.destination(), namespace), one.percentage()))
                .toList();
        var mirror = route.mirror() == null ? null : qualified(route.mirror(), namespace);
        return new HttpRoute(
                route.name(),
                route.match(),
                destinations,
                route.redirect(),
                route.directResponse(),
                null,
                route.rewrite(),
                route.timeout(),
                route.retries(),
                route.fault(),
                mirror,
                mirrors,
                route.mirrorPercent(),
                route.mirrorPercentage(),
                route.corsPolicy(),
                route.headers());
    }

    private static dev.mesh.api.networking.Destination qualified(
            dev.mesh.api.networking.Destination destination, String namespace) {
        return new dev.mesh.api.networking.Destination(
                PushContext.qualify(destination.host(), namespace), destination.subset(), destination.port());
    }

    private static Optional<HttpRoute> merge(HttpRoute root, HttpRoute inner) {
        List<HttpMatch> matches = new ArrayList<>();
        if (root.match().isEmpty()) {
            matches.addAll(inner.match());
        } else if (inner.match().isEmpty()) {
            matches.addAll(root.match());
        } else {
            for (HttpMatch outside : root.match()) {
                inner.match().forEach(inside -> both(outside, inside).ifPresent(matches::add));
            }
            if (matches.isEmpty()) {
                return Optional.empty(); // nothing can match both
            }
        }
        String name = root.name().isEmpty() || inner.name().isEmpty()
                ? root.name() + inner.name()
                : root.name() + "-" + inner.name();
        return Optional.of(new HttpRoute(
                name,
                List.copyOf(matches),
                inner.route(),
                inner.redirect(),
                inner.directResponse(),
                null,
                or(inner.rewrite(), root.rewrite()),
                or(inner.timeout(), root.timeout()),
                or(inner.retries(), root.retries()),
                or(inner.fault(), root.fault()),
                or(inner.mirror(), root.mirror()),
                inner.mirrors().isEmpty() ? root.mirrors() : inner.mirrors(),
                or(inner.mirrorPercent(), root.mirrorPercent()),
                or(inner.mirrorPercentage(), root.mirrorPercentage()),
                or(inner.corsPolicy(), root.corsPolicy()),
                or(inner.headers(), root.headers())));
    }

    private static <T> @Nullable T or(@Nullable T first, @Nullable T second) {
        return first == null ? second : first;
    }

    private static Optional<HttpMatch> both(HttpMatch root, HttpMatch inner) {
        if (!narrows(root.uri(), inner.uri())
                || !equal(root.scheme(), inner.scheme())
                || !equal(root.method(), inner.method())
                || !equal(root.authority(), inner.authority())
                || !agree(root.headers(), inner.headers())
                || !agree(root.withoutHeaders(), inner.withoutHeaders())
                || !agree(root.queryParams(), inner.queryParams())
                || (root.port() != 0 && inner.port() != 0 && root.port() != inner.port())) {
            return Optional.empty();
        }
        return Optional.of(new HttpMatch(
                root.name().isEmpty() || inner.name().isEmpty()
                        ? root.name() + inner.name()
                        : root.name() + "-" + inner.name(),
                or(inner.uri(), root.uri()),
                or(inner.scheme(), root.scheme()),
                or(inner.method(), root.method()),
                or(inner.authority(), root.authority()),
                union(root.headers(), inner.headers()),
                union(root.withoutHeaders(), inner.withoutHeaders()),
                union(root.queryParams(), inner.queryParams()),
                inner.port() == 0 ? root.port() : inner.port(),
                root.ignoreUriCase() || inner.ignoreUriCase(),
                union(root.sourceLabels(), inner.sourceLabels()),
                inner.sourceNamespace().isEmpty() ? root.sourceNamespace() : inner.sourceNamespace(),
                root.gateways().isEmpty() ? inner.gateways() : root.gateways(),
                inner.statPrefix().isEmpty() ? root.statPrefix() : inner.statPrefix()));
    }

    // Whether whatever the inner one matches is matched by the root's too.
    private static boolean narrows(@Nullable StringMatch root, @Nullable StringMatch inner) {
        if (root == null || inner == null || root.equals(inner)) {
            return true;
        }
        if (root instanceof StringMatch.Prefix(String prefix)) {
            return switch (inner) {
                case StringMatch.Exact(String exact) -> exact.startsWith(prefix);
                case StringMatch.Prefix(String longer) -> longer.startsWith(prefix);
                case StringMatch.Regex ignored -> false;
                case StringMatch.Present ignored -> false;
            };
        }
        return false;
    }

    private static boolean equal(@Nullable StringMatch root, @Nullable StringMatch inner) {
        return root == null || inner == null || root.equals(inner);
    }

    private static boolean agree(Map<String, StringMatch> root, Map<String, StringMatch> inner) {
        return root.entrySet().stream()
                .allMatch(entry -> entry.getValue().equals(inner.getOrDefault(entry.getKey(), entry.getValue())));
    }

    private static <T> Map<String, T> union(Map<String, T> root, Map<String, T> inner) {
        var all = new LinkedHashMap<>(root);
        all.putAll(inner);
        return all;
    }
}
