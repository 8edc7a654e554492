package dev.mesh.pilot.generate;

import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.ServerTls;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.push.Destinations;
import dev.mesh.pilot.push.GatewayKind;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.PushContextBuilder;
import dev.mesh.pilot.push.ServerTlsSupport;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// What a gateway gets: the servers of all Gateways that select it, merged by port.
final class GatewayView {
    private final ViewBuilder view;
    private final ProxyNode node;
    private final RuleSelection rules;
    private final Set<String> destinations = new LinkedHashSet<>();

    private GatewayView(ViewBuilder view) {
        this.view = view;
        this.node = view.node();
        this.rules = new RuleSelection(view);
    }

    /// One server of one Gateway.
    private record Server(PushContext.Rule<Gateway> gateway, Gateway.Server spec) {}

    private record Bind(String address, int port) implements Comparable<Bind> {
        @Override
        public int compareTo(Bind other) {
            int byPort = Integer.compare(port, other.port);
            return byPort == 0 ? address.compareTo(other.address) : byPort;
        }
    }

    static void build(ViewBuilder view) {
        var gateway = new GatewayView(view);
        gateway.listeners();
        // Of all services only those that a route leads to.
        for (String host : gateway.destinations) {
            ServiceInfo service = view.push().services().get(host);
            if (service != null
                    && view.isReachable(service)
                    && service.isVisibleTo(view.node().namespace())) {
                view.clusters(service);
            }
        }
    }

    private void listeners() {
        var byBind = new TreeMap<Bind, List<Server>>();
        for (var gateway : view.push().gateways()) {
            if (!node.labels().entrySet().containsAll(gateway.spec().selector().entrySet())) {
                continue;
            }
            for (var server : gateway.spec().servers()) {
                String address = server.bind().isEmpty() ? node.addresses().getFirst() : server.bind();
                byBind.computeIfAbsent(new Bind(address, server.port().number()), any -> new ArrayList<>())
                        .add(new Server(gateway, server));
            }
        }
        byBind.forEach((bind, servers) -> {
            // The first server of a port decides what it speaks; others that differ are remarked upon.
            GatewayKind kind = GatewayKind.of(servers.getFirst().spec());
            var agreeing = servers.stream()
                    .filter(server -> GatewayKind.of(server.spec()) == kind)
                    .toList();
            switch (kind) {
                case HTTP -> http(bind, agreeing);
                case TLS -> tls(bind, agreeing);
                case TCP -> tcp(bind, agreeing);
            }
        });
    }

    // Where the machine gives a gateway other ports than its objects name.
    private int listening(Bind bind) {
        return node.applicationPorts().getOrDefault(bind.port(), bind.port());
    }

    private void http(Bind bind, List<Server> servers) {
        String routes = "http." + bind.port();
        view.add(view.cache()
                .get(
                        new ListenerProtos.GatewayHttp(bind.address(), listening(bind), routes),
                        ListenerProtos::gatewayHttp));
        view.routes(routes, hosts(bind.port(), servers), true);
    }

    private void tls(Bind bind, List<Server> servers) {
        var chains = new ArrayList<ListenerProtos.TlsChain>();
        var names = new LinkedHashSet<String>();
        for (Server server : servers) {
            ServerTls tls = server.spec().tls();
            var sni = serverNames(server.spec());
            if (tls == null || tls.mode() == ServerTls.Mode.PASSTHROUGH) {
                passthrough(bind, server, names, chains);
                continue;
            }
            if (!ServerTlsSupport.refusal(tls).isEmpty() || !names.addAll(sni)) {
                continue;
            }
            if (GatewayKind.isHttps(server.spec())) {
                String routes = "https." + bind.port() + "."
                        + server.spec().port().name() + "." + server.gateway().name() + "."
                        + server.gateway().namespace();
                chains.add(new ListenerProtos.TlsChain(sni, tls, routes, null));
                view.routes(routes, hosts(bind.port(), List.of(server)), true);
            } else {
                tcpChain(server, bind.port())
                        .filter(chain -> !chain.targets().isEmpty())
                        .ifPresent(chain -> chains.add(new ListenerProtos.TlsChain(sni, tls, "", chain)));
            }
        }
        if (!chains.isEmpty()) {
            view.add(view.cache()
                    .get(
                            new ListenerProtos.GatewayTls(bind.address(), listening(bind), chains),
                            ListenerProtos::gatewayTls));
        }
    }

    private void passthrough(Bind bind, Server server, Set<String> names, List<ListenerProtos.TlsChain> chains) {
        var tcpRules = new TcpRules(view, rules);
        for (var rule : attached(server)) {
            remember(rule);
            for (var chain : tcpRules.tls(rule, bind.port(), isThis(server, rule.namespace()))) {
                var fresh = chain.serverNames().stream()
                        .filter(name -> names.add(name)
                                && serverHosts(server.spec()).stream()
                                        .anyMatch(host ->
                                                PushContext.covers(host, name) || PushContext.covers(name, host)))
                        .toList();
                if (!fresh.isEmpty() || chain.serverNames().isEmpty()) {
                    chains.add(new ListenerProtos.TlsChain(fresh, null, "", chain));
                }
            }
        }
    }

    private void tcp(Bind bind, List<Server> servers) {
        for (Server server : servers) {
            var chain = tcpChain(server, bind.port());
            if (chain.isPresent() && !chain.get().targets().isEmpty()) {
                view.add(view.cache()
                        .get(
                                new ListenerProtos.OutboundTcp(bind.address(), listening(bind), List.of(chain.get())),
                                ListenerProtos::outboundTcp));
                return;
            }
        }
    }

    private Optional<ListenerProtos.TcpChain> tcpChain(Server server, int port) {
        var tcpRules = new TcpRules(view, rules);
        for (var rule : attached(server)) {
            var chain = tcpRules.tcp(rule, port, List.of(), isThis(server, rule.namespace()));
            if (chain.isPresent()) {
                remember(rule);
                return chain;
            }
        }
        return Optional.empty();
    }

    // ---- hosts ----

    private List<PushContext.Rule<VirtualService>> attached(Server server) {
        return view.push().virtualServices().stream()
                .filter(rule -> rule.spec().gateways().stream().anyMatch(isThis(server, rule.namespace())))
                .filter(rule -> ServiceInfo.isExported(
                        rule.spec().exportTo(),
                        rule.namespace(),
                        server.gateway().namespace()))
                .filter(rule -> rule.spec().hosts().stream().anyMatch(host -> common(server, rule, host) != null))
                .toList();
    }

    private static Predicate<String> isThis(Server server, String namespace) {
        return name -> PushContextBuilder.isNamed(server.gateway(), name, namespace);
    }

    private void remember(PushContext.Rule<VirtualService> rule) {
        Destinations.hosts(rule.spec()).forEach(host -> destinations.add(PushContext.qualify(host, rule.namespace())));
    }

    /// Virtual services of one host are merged on a gateway: the oldest first, catch-alls last.
    private List<VirtualHost> hosts(int port, List<Server> servers) {
        var byHost = new TreeMap<String, Merging>();
        for (var rule : view.push().virtualServices()) {
            for (Server server : servers) {
                if (!attached(server).contains(rule)) {
                    continue;
                }
                remember(rule);
                for (String written : rule.spec().hosts()) {
                    String host = common(server, rule, written);
                    if (host == null) {
                        continue;
                    }
                    var merging = byHost.computeIfAbsent(host, any -> new Merging(rule));
                    merging.redirect |=
                            server.spec().tls() != null && server.spec().tls().httpsRedirect();
                    if (merging.rules.add(rule)) {
                        merging.add(rules.http(rule, host + ":" + port, port, isThis(server, rule.namespace())));
                    }
                }
            }
        }
        var hosts = new ArrayList<VirtualHost>();
        byHost.forEach((host, merging) -> hosts.add(view.cache()
                .get(
                        new RouteProtos.HostInput(
                                host + ":" + port,
                                host.startsWith("*") ? List.of(host) : List.of(host, host + ":" + port),
                                merging.first.object().ref(),
                                merging.routes(),
                                "",
                                null,
                                merging.redirect,
                                true),
                        RouteProtos::host)));
        if (hosts.isEmpty()) {
            hosts.add(VirtualHost.newBuilder()
                    .setName("blackhole:" + port)
                    .addDomains("*")
                    .build());
        }
        return hosts;
    }

    private static final class Merging {
        private final PushContext.Rule<VirtualService> first;
        private final Set<PushContext.Rule<VirtualService>> rules = new LinkedHashSet<>();
        private final List<RouteProtos.RouteInput> specific = new ArrayList<>();
        private final List<RouteProtos.RouteInput> catchAll = new ArrayList<>();
        private boolean redirect;

        private Merging(PushContext.Rule<VirtualService> first) {
            this.first = first;
        }

        private void add(List<RouteProtos.RouteInput> inputs) {
            inputs.forEach(input -> (input.match() == null ? catchAll : specific).add(input));
        }

        private List<RouteProtos.RouteInput> routes() {
            var all = new ArrayList<>(specific);
            all.addAll(catchAll.subList(0, Math.min(1, catchAll.size())));
            return all;
        }
    }

    /// The more specific of a rule's host and the server's, if they have something in common.
    private static @Nullable String common(Server server, PushContext.Rule<VirtualService> rule, String written) {
        String host = PushContext.qualify(written, rule.namespace());
        for (String allowed : server.spec().hosts()) {
            int slash = allowed.indexOf('/');
            String namespace = slash < 0 ? "*" : allowed.substring(0, slash);
            String pattern = allowed.substring(slash + 1);
            boolean there = namespace.equals("*")
                    || namespace.equals(rule.namespace())
                    || (namespace.equals(".")
                            && rule.namespace().equals(server.gateway().namespace()));
            if (there && PushContext.covers(pattern, host)) {
                return host;
            }
            if (there && PushContext.covers(host, pattern)) {
                return pattern;
            }
        }
        return null;
    }

    private static List<String> serverHosts(Gateway.Server server) {
        return server.hosts().stream()
                .map(host -> host.substring(host.indexOf('/') + 1))
                .toList();
    }

    private static List<String> serverNames(Gateway.Server server) {
        var hosts = serverHosts(server);
        return hosts.contains("*") ? List.of() : hosts;
    }
}
