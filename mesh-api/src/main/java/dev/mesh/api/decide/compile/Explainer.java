package dev.mesh.api.decide.compile;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.decide.HashRing;
import dev.mesh.api.decide.ListenerTable;
import dev.mesh.api.decide.PathNormalizer;
import dev.mesh.api.decide.Provenance;
import dev.mesh.api.decide.RequestHash;
import dev.mesh.api.decide.RequestView;
import dev.mesh.api.decide.Rewrites;
import dev.mesh.api.decide.Route;
import dev.mesh.api.decide.RouteAction;
import dev.mesh.api.decide.RouteTable;
import dev.mesh.api.decide.Trace;
import dev.mesh.api.decide.VirtualHost;
import dev.mesh.api.decide.explain.Explanation;
import dev.mesh.api.decide.explain.Explanation.ClusterShare;
import dev.mesh.api.decide.explain.Explanation.EndpointShare;
import dev.mesh.api.decide.explain.Explanation.Step;
import dev.mesh.api.decide.explain.HostHealth;
import dev.mesh.api.decide.explain.Origins;
import dev.mesh.api.decide.explain.RequestDescription;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.endpoint.v3.LbEndpoint;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// Runs the tables of `decide` over a snapshot of resources for one described request, and writes down why.
public final class Explainer {
    private final ConfigSnapshot config;
    private final HostHealth health;
    private final RequestDescription request;
    private final List<String> addresses;
    private final List<Step> steps = new ArrayList<>();
    private final List<String> details = new ArrayList<>();

    private Explainer(ConfigSnapshot config, HostHealth health, RequestDescription request, List<String> addresses) {
        this.config = config;
        this.health = health;
        this.request = request;
        this.addresses = addresses;
    }

    public static Explanation explain(ConfigSnapshot config, HostHealth health, RequestDescription request) {
        return explain(config, health, request, List.of());
    }

    /// @param addresses that the proxy answers when the application asks for the URL's host by DNS; none = it leaves
    /// that to other name servers
    public static Explanation explain(
            ConfigSnapshot config, HostHealth health, RequestDescription request, List<String> addresses) {
        return new Explainer(config, health, request, isLiteral(request.host()) ? List.of(request.host()) : addresses)
                .run();
    }

    private Explanation over(String verdict) {
        return new Explanation(request.toString(), verdict, steps, null, List.of());
    }

    private Explanation run() {
        config.notes().forEach(note -> steps.add(new Step("resource", false, "", note, null)));
        if (!addresses.isEmpty() && !isLiteral(request.host())) {
            steps.add(
                    new Step("name", true, request.host(), "the proxy answers " + String.join(", ", addresses), null));
        }
        var choice = new ListenerChoice(config.listeners(), request, addresses);
        Listener listener = choice.choose(steps);
        if (listener == null) {
            return over("no listener takes it: the connection is refused");
        }
        var connection = request.connection(choice.destination(listener), choice.destinationPort(listener));
        ListenerTable table;
        switch (ListenerCompiler.compile(listener)) {
            case Compiled.Ok<ListenerTable>(ListenerTable compiled) -> table = compiled;
            case Compiled.Rejected<ListenerTable>(List<String> reasons) -> {
                return over("listener " + listener.getName() + " cannot be used: " + reasons);
            }
        }
        int chain = table.find(connection, trace("filter chain"));
        if (chain == ListenerTable.NONE) {
            return over("listener " + listener.getName() + " has no filter chain for it: the connection is closed");
        }
        FilterChain found =
                chain == ListenerTable.DEFAULT ? listener.getDefaultFilterChain() : listener.getFilterChains(chain);
        String chainName =
                chain == ListenerTable.DEFAULT ? "default" : table.chainNames().get(chain);
        for (Filter filter : found.getFiltersList()) {
            try {
                Any typed = filter.getTypedConfig();
                if (Packed.is(typed, HttpConnectionManager.getDefaultInstance())) {
                    return http(
                            listener,
                            chainName,
                            Packed.unpack(typed, HttpConnectionManager.getDefaultInstance()),
                            connection);
                }
                if (Packed.is(typed, TcpProxy.getDefaultInstance())) {
                    return tcp(listener, chainName, found, Packed.unpack(typed, TcpProxy.getDefaultInstance()));
                }
            } catch (InvalidProtocolBufferException e) {
                return over("filter " + filter.getName() + " cannot be read: " + e.getMessage());
            }
        }
        return over("filter chain " + chainName + " of listener " + listener.getName() + " has no filter that routes");
    }

    private Trace trace(String stage) {
        return new Trace() {
            @Override
            public void taken(Stage of, String name, String reason) {
                steps.add(new Step(stage, true, name, reason, null));
            }

            @Override
            public void passedOver(Stage of, String name, String reason) {
                steps.add(new Step(stage, false, name, reason, null));
            }
        };
    }

    private static boolean isLiteral(String host) {
        return host.matches("[0-9.]+") || host.contains(":");
    }

    // ---- HTTP ----

    private Explanation http(
            Listener listener,
            String chain,
            HttpConnectionManager manager,
            dev.mesh.api.decide.ConnectionView connection) {
        RouteConfiguration routes = manager.hasRouteConfig()
                ? manager.getRouteConfig()
                : config.routes().get(manager.getRds().getRouteConfigName());
        if (routes == null) {
            return over("route configuration " + manager.getRds().getRouteConfigName() + " is not there: 404 (NR)");
        }
        RouteTable table;
        switch (RouteCompiler.compile(routes)) {
            case Compiled.Ok<RouteTable>(RouteTable compiled) -> table = compiled;
            case Compiled.Rejected<RouteTable>(List<String> reasons) -> {
                return over("route configuration " + routes.getName() + " cannot be used: " + reasons);
            }
        }
        String path = request.path();
        switch (PathNormalizer.normalize(path, rules(manager))) {
            case PathNormalizer.Result.Path(String normal) -> {
                if (!normal.equals(path)) {
                    details.add("path normalised to " + normal);
                }
                path = normal;
            }
            case PathNormalizer.Result.Redirect(String to) -> {
                return over("the path is normalised by a redirect: 307 to " + to);
            }
            case PathNormalizer.Result.Rejected() -> {
                return over("the path has escaped slashes: 400");
            }
        }
        RequestView view = request.view(path, connection);
        VirtualHost host = table.virtualHost(view.authority(), trace("virtual host"));
        if (host == null) {
            return over("no virtual host of " + routes.getName() + " is for " + view.authority() + ": 404 (NR)");
        }
        if (host.requireTls() == VirtualHost.RequireTls.ALL && request.scheme().equals("http")) {
            return over("virtual host " + host.name() + " wants TLS: 301 to https");
        }
        Route route = route(table, host, view);
        if (route == null) {
            return over("no route of virtual host " + host.name() + " matches: 404 (NR)");
        }
        var outcome = outcome(listener, chain, routes.getName(), host, route, view);
        return new Explanation(request.toString(), verdict(outcome), steps, outcome, List.of());
    }

    private String verdict(Explanation.Outcome outcome) {
        var from = outcome.from();
        // A route without a name is known by its place, as in its step.
        String by = from == null ? "route " + steps.getLast().name() : from.toString();
        return outcome.action() + ", by " + by;
    }

    private static PathNormalizer.Rules rules(HttpConnectionManager manager) {
        return new PathNormalizer.Rules(
                switch (manager.getPathWithEscapedSlashesAction()) {
                    case REJECT_REQUEST -> PathNormalizer.EscapedSlashes.REJECT;
                    case UNESCAPE_AND_REDIRECT -> PathNormalizer.EscapedSlashes.REDIRECT;
                    case UNESCAPE_AND_FORWARD -> PathNormalizer.EscapedSlashes.UNESCAPE;
                    case IMPLEMENTATION_SPECIFIC_DEFAULT, KEEP_UNCHANGED, UNRECOGNIZED ->
                        PathNormalizer.EscapedSlashes.KEEP;
                },
                manager.getNormalizePath().getValue(),
                manager.getMergeSlashes());
    }

    // Each route that is looked at gives one line, in order.
    private @Nullable Route route(RouteTable table, VirtualHost host, RequestView view) {
        int first = steps.size();
        Route found = table.route(host, view, new Random(0), trace("route"));
        for (int i = first; i < steps.size(); i++) {
            Step step = steps.get(i);
            steps.set(
                    i,
                    new Step(
                            step.stage(),
                            step.taken(),
                            step.name(),
                            step.reason(),
                            Origins.of(host.routes().get(i - first).provenance())));
        }
        return found;
    }

    private Explanation.Outcome outcome(
            Listener listener, String chain, String routes, VirtualHost host, Route route, RequestView view) {
        Provenance provenance = route.provenance() == null ? host.provenance() : route.provenance();
        List<ClusterShare> clusters = List.of();
        String action;
        switch (route.action()) {
            case RouteAction.Redirect redirect -> {
                action = "redirect " + redirect.status() + " to " + Rewrites.location(route, redirect, view);
            }
            case RouteAction.DirectResponse direct -> action = "answer " + direct.status() + " at once";
            case RouteAction.NonForwarding() -> action = "answer 404 (the route is for gRPC servers)";
            case RouteAction.Forward forward -> {
                clusters = clusters(forward, view);
                describe(forward, route, view);
                action = "forward to "
                        + String.join(
                                " or ", clusters.stream().map(Explainer::text).toList());
            }
        }
        if (!route.perFilterConfig().isEmpty()) {
            details.add("settings for filters " + route.perFilterConfig().keySet());
        }
        return new Explanation.Outcome(
                listener.getName(),
                chain,
                routes,
                host.name(),
                route.name(),
                Origins.of(provenance),
                action,
                List.copyOf(details),
                clusters);
    }

    private static String text(ClusterShare share) {
        String percent = share.share() >= 1 ? "" : " (" + Math.round(share.share() * 1000) / 10.0 + " %)";
        return share.cluster() + percent + (share.note().isEmpty() ? "" : ", " + share.note());
    }

    private void describe(RouteAction.Forward forward, Route route, RequestView view) {
        if (forward.rewrite().path() != null) {
            details.add("path becomes " + Rewrites.path(route, forward.rewrite().path(), view.path()));
        }
        if (forward.rewrite().host() instanceof RouteAction.HostRewrite.Literal(String host)) {
            details.add("authority becomes " + host);
        }
        details.add("timeout "
                + (forward.timeout().isZero() ? "none" : forward.timeout().toMillis() + " ms"));
        var retry = forward.retry();
        if (retry != null && retry.numRetries() > 0) {
            details.add("up to " + retry.numRetries() + " retries on " + String.join(",", retry.retryOn()));
        }
        forward.mirrors()
                .forEach(mirror -> details.add("mirrored to " + mirror.cluster() + " "
                        + mirror.numerator() * 100.0 / mirror.denominator() + " %"));
    }

    // ---- clusters ----

    private List<ClusterShare> clusters(RouteAction.Forward forward, RequestView view) {
        OptionalLong hash = RequestHash.of(forward.hashPolicies(), view);
        return switch (forward.clusters()) {
            case RouteAction.ClusterSpecifier.Single(String cluster) -> List.of(share(cluster, 1, hash));
            case RouteAction.ClusterSpecifier.FromHeader(String header) -> {
                String named = view.header(header);
                yield named == null
                        ? List.of(new ClusterShare("", 1, "", "header " + header + " names none: 503", List.of()))
                        : List.of(share(named, 1, hash));
            }
            case RouteAction.ClusterSpecifier.Weighted weighted ->
                weighted.clusters().stream()
                        .filter(cluster -> cluster.weight() > 0)
                        .map(cluster ->
                                share(cluster.cluster(), (double) cluster.weight() / weighted.totalWeight(), hash))
                        .toList();
        };
    }

    private ClusterShare share(String name, double share, OptionalLong hash) {
        Cluster cluster = config.clusters().get(name);
        if (cluster == null) {
            return new ClusterShare(name, share, "", "which is not there: 503 (NC)", List.of());
        }
        String policy = cluster.getLbPolicy().name();
        if (cluster.getType() == Cluster.DiscoveryType.ORIGINAL_DST) {
            return new ClusterShare(name, share, policy, "where the caller was going", List.of());
        }
        String edsName = cluster.getEdsClusterConfig().getServiceName();
        var assignment = config.endpoints().get(edsName.isEmpty() ? name : edsName);
        if (assignment == null) {
            boolean dns = cluster.getType() == Cluster.DiscoveryType.STRICT_DNS
                    || cluster.getType() == Cluster.DiscoveryType.LOGICAL_DNS;
            String note = dns ? "" : "whose endpoints are not known";
            return new ClusterShare(name, share, policy, note, List.of());
        }
        var endpoints = new ArrayList<EndpointShare>();
        assignment
                .getEndpointsList()
                .forEach(locality ->
                        locality.getLbEndpointsList().forEach(endpoint -> endpoints.add(endpoint(name, endpoint))));
        double total = endpoints.stream()
                .filter(endpoint -> isUp(endpoint.health()))
                .mapToDouble(EndpointShare::weight)
                .sum();
        int hashed = hashed(cluster, endpoints, hash);
        var weighed = new ArrayList<EndpointShare>();
        for (int i = 0; i < endpoints.size(); i++) {
            EndpointShare endpoint = endpoints.get(i);
            double own = hashed >= 0
                    ? i == hashed ? 1 : 0
                    : isUp(endpoint.health()) && total > 0 ? endpoint.weight() / total : 0;
            weighed.add(new EndpointShare(endpoint.address(), endpoint.weight(), endpoint.health(), own));
        }
        String note = endpoints.isEmpty()
                ? "which has no endpoints: 503 (UH)"
                : total == 0 ? "of whose endpoints none is healthy" : "";
        return new ClusterShare(name, share, policy, note, weighed);
    }

    private static boolean isUp(String state) {
        return state.isEmpty() || state.equals("healthy");
    }

    // The endpoint that a hash belongs to; negative: there is no hash, or the policy does not ask.
    private static int hashed(Cluster cluster, List<EndpointShare> endpoints, OptionalLong hash) {
        if (cluster.getLbPolicy() != Cluster.LbPolicy.RING_HASH || hash.isEmpty() || endpoints.isEmpty()) {
            return -1;
        }
        var config = cluster.getRingHashLbConfig();
        long minimum = config.hasMinimumRingSize() ? config.getMinimumRingSize().getValue() : 1024;
        long maximum = config.hasMaximumRingSize() ? config.getMaximumRingSize().getValue() : 8 * 1024 * 1024;
        return HashRing.of(
                        endpoints.stream()
                                .map(endpoint -> new HashRing.Entry(endpoint.address(), endpoint.weight()))
                                .toList(),
                        minimum,
                        maximum)
                .find(hash.getAsLong(), 0);
    }

    private EndpointShare endpoint(String cluster, LbEndpoint endpoint) {
        var socket = endpoint.getEndpoint().getAddress().getSocketAddress();
        String address = endpoint.getEndpoint().getAddress().hasPipe()
                ? endpoint.getEndpoint().getAddress().getPipe().getPath()
                : socket.getAddress() + ":" + socket.getPortValue();
        int weight = endpoint.hasLoadBalancingWeight()
                ? endpoint.getLoadBalancingWeight().getValue()
                : 1;
        String state = health.of(cluster, address);
        if (isUp(state)) {
            state = switch (endpoint.getHealthStatus()) {
                case UNHEALTHY, DRAINING, TIMEOUT ->
                    endpoint.getHealthStatus().name().toLowerCase(java.util.Locale.ROOT);
                case UNKNOWN, HEALTHY, DEGRADED, UNRECOGNIZED -> state;
            };
        }
        return new EndpointShare(address, weight, state, 0);
    }

    // ---- TCP ----

    private Explanation tcp(Listener listener, String chain, FilterChain found, TcpProxy proxy) {
        var clusters = new ArrayList<ClusterShare>();
        if (proxy.hasWeightedClusters()) {
            double total = proxy.getWeightedClusters().getClustersList().stream()
                    .mapToDouble(TcpProxy.WeightedCluster.ClusterWeight::getWeight)
                    .sum();
            proxy.getWeightedClusters()
                    .getClustersList()
                    .forEach(one -> clusters.add(share(one.getName(), one.getWeight() / total, OptionalLong.empty())));
        } else {
            clusters.add(share(proxy.getCluster(), 1, OptionalLong.empty()));
        }
        Explanation.Origin from = Origins.of(RouteCompiler.provenance(found.getMetadata()));
        var outcome = new Explanation.Outcome(
                listener.getName(),
                chain,
                "",
                "",
                "",
                from,
                "pass bytes to "
                        + String.join(
                                " or ", clusters.stream().map(Explainer::text).toList()),
                List.of(),
                clusters);
        String verdict = from == null ? outcome.action() : outcome.action() + ", by " + from;
        return new Explanation(request.toString(), verdict, steps, outcome, List.of());
    }
}
