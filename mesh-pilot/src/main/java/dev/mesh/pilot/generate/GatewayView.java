package dev.mesh.pilot.generate;

import dev.mesh.api.finding.Finding;
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
import dev.mesh.pilot.push.TlsHosts;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
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
    ///
    /// @param index in the Gateway
    private record Server(PushContext.Rule<Gateway> gateway, int index) {
        Gateway.Server spec() {
            return gateway.spec().servers().get(index);
        }
    }

    /// Where servers listen.
    ///
    /// @param written the address that they ask for; empty: none
    /// @param port of the workload, which a Service may lead another port to
    private record Bind(String written, int port) implements Comparable<Bind> {
        @Override
        public int compareTo(Bind other) {
            int byPort = Integer.compare(port, other.port);
            return byPort == 0 ? written.compareTo(other.written) : byPort;
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
        Map<Integer, Set<Integer>> targets = targets();
        var byBind = new TreeMap<Bind, List<Server>>();
        for (var gateway : view.push().gateways()) {
            if (!node.labels().entrySet().containsAll(gateway.spec().selector().entrySet())) {
                continue;
            }
            for (int i = 0; i < gateway.spec().servers().size(); i++) {
                var server = new Server(gateway, i);
                for (int port : targets.getOrDefault(number(server), Set.of(number(server)))) {
                    byBind.computeIfAbsent(new Bind(server.spec().bind(), port), any -> new ArrayList<>())
                            .add(server);
                }
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

    // Ports of the gateway's own Services → where they lead to: a server's port is that of the Service (Istio,
    // resolvePorts). What the machine gives out goes before.
    private Map<Integer, Set<Integer>> targets() {
        var targets = new HashMap<Integer, Set<Integer>>();
        view.ownPorts(
                node.addresses(),
                (service, port, target) -> targets.computeIfAbsent(port.number(), any -> new TreeSet<>())
                        .add(target));
        targets.keySet().removeAll(node.applicationPorts().keySet());
        return targets;
    }

    // In a network namespace of its own a gateway takes what comes by whatever address, loopback too; on a machine
    // that it shares with others it has one address.
    private ListenerProtos.Place place(Bind bind) {
        int port = node.applicationPorts().getOrDefault(bind.port(), bind.port());
        if (!bind.written().isEmpty()) {
            return new ListenerProtos.Place(bind.written(), "", port);
        }
        if (node.isOnLoopback()) {
            return new ListenerProtos.Place(node.addresses().getFirst(), "", port);
        }
        return new ListenerProtos.Place(node.anyAddress(), node.otherAnyAddress(), port);
    }

    private static String suffix(Bind bind) {
        return bind.written().isEmpty() ? "" : "." + bind.written();
    }

    private void http(Bind bind, List<Server> servers) {
        String routes = "http." + bind.port() + suffix(bind);
        view.add(view.cache()
                .get(new ListenerProtos.GatewayHttp(place(bind), routes, view.log()), ListenerProtos::gatewayHttp));
        view.routes(routes, hosts(servers), true);
    }

    private void tls(Bind bind, List<Server> servers) {
        var chains = new ArrayList<ListenerProtos.TlsChain>();
        var names = new TlsHosts();
        for (Server server : servers) {
            ServerTls tls = server.spec().tls();
            if (tls == null || tls.mode() == ServerTls.Mode.PASSTHROUGH) {
                passthrough(server, names, chains);
                continue;
            }
            if (!ServerTlsSupport.refusal(tls).isEmpty()) {
                continue;
            }
            Finding conflict = names.claim(server.gateway(), server.index());
            if (conflict != null) {
                view.remark(conflict);
                continue;
            }
            var sni = TlsHosts.serverNames(server.spec());
            view.secrets(tls, server.gateway().object().ref());
            if (GatewayKind.isHttps(server.spec())) {
                String routes = "https." + number(server) + "."
                        + server.spec().port().name() + "." + server.gateway().name() + "."
                        + server.gateway().namespace() + suffix(bind);
                chains.add(new ListenerProtos.TlsChain(sni, tls, routes, null));
                view.routes(routes, hosts(List.of(server)), true);
            } else {
                tcpChain(server)
                        .filter(chain -> !chain.targets().isEmpty())
                        .ifPresent(chain -> chains.add(new ListenerProtos.TlsChain(sni, tls, "", chain)));
            }
        }
        if (!chains.isEmpty()) {
            view.add(view.cache()
                    .get(new ListenerProtos.GatewayTls(place(bind), chains, view.log()), ListenerProtos::gatewayTls));
        }
    }

    private void passthrough(Server server, TlsHosts names, List<ListenerProtos.TlsChain> chains) {
        var tcpRules = new TcpRules(view, rules);
        for (var rule : attached(server)) {
            remember(rule);
            for (var chain : tcpRules.tls(rule, number(server), isThis(server, rule.namespace()))) {
                var fresh = chain.serverNames().stream()
                        .filter(name -> serverHosts(server.spec()).stream()
                                .anyMatch(host -> PushContext.covers(host, name) || PushContext.covers(name, host)))
                        .filter(name -> names.claim(server.gateway(), server.index(), name))
                        .toList();
                if (!fresh.isEmpty() || chain.serverNames().isEmpty()) {
                    chains.add(new ListenerProtos.TlsChain(fresh, null, "", chain));
                }
            }
        }
    }

    private void tcp(Bind bind, List<Server> servers) {
        for (Server server : servers) {
            var chain = tcpChain(server);
            if (chain.isPresent() && !chain.get().targets().isEmpty()) {
                view.add(view.cache()
                        .get(
                                new ListenerProtos.OutboundTcp(place(bind), List.of(chain.get()), view.log()),
                                ListenerProtos::outboundTcp));
                return;
            }
        }
    }

    private Optional<ListenerProtos.TcpChain> tcpChain(Server server) {
        var tcpRules = new TcpRules(view, rules);
        for (var rule : attached(server)) {
            var chain = tcpRules.tcp(rule, number(server), List.of(), isThis(server, rule.namespace()));
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
    private List<VirtualHost> hosts(List<Server> servers) {
        int port = number(servers.getFirst());
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
                        merging.add(
                                rules.http(rule, host + ":" + port, number(server), isThis(server, rule.namespace())));
                    }
                }
            }
        }
        var hosts = new ArrayList<VirtualHost>();
        byHost.forEach((host, merging) -> hosts.add(view.cache()
                .get(
                        new RouteProtos.HostInput(
                                host + ":" + port,
                                domains(host, port),
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

    // Clients name the port that they went to: a node's, a load balancer's. One wildcard is all that a domain can have.
    private static List<String> domains(String host, int port) {
        if (host.equals("*")) {
            return List.of(host);
        }
        return List.of(host, host.startsWith("*") ? host + ":" + port : host + ":*");
    }

    private static int number(Server server) {
        return server.spec().port().number();
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
}
