package dev.mesh.pilot.generate;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Duration;
import dev.mesh.api.local.LocalAddresses;
import dev.mesh.api.networking.Sidecar;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.ServiceInfo.PortInfo;
import dev.mesh.pilot.model.ServiceInfo.Protocol;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.SidecarScope;
import io.envoyproxy.envoy.config.route.v3.DirectResponseAction;
import io.envoyproxy.envoy.config.route.v3.Route;
import io.envoyproxy.envoy.config.route.v3.RouteAction;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.RouteMatch;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// What a sidecar gets: the clusters of what it may reach, and the ways to them. Here are those of traffic that comes
/// to bound ports (interception mode NONE); [CapturedTraffic] has the others.
final class SidecarView {
    private static final int HTTP_PORT = 80;

    private final ViewBuilder view;
    private final ProxyNode node;
    private final SidecarScope scope;
    private final RuleSelection rules;

    private SidecarView(ViewBuilder view) {
        this.view = view;
        this.node = view.node();
        this.scope = SidecarScope.of(view.push(), node);
        this.rules = new RuleSelection(view);
    }

    static void build(ViewBuilder view) {
        var sidecar = new SidecarView(view);
        sidecar.scope.services().values().stream().filter(view::isReachable).forEach(view::clusters);
        if (view.node().intercepts()) {
            new CapturedTraffic(view, sidecar, sidecar.scope).build();
        } else {
            sidecar.outbound();
            sidecar.inbound();
        }
        if (view.node().answersNames()) {
            NameTables.add(view, sidecar.scope.services().values());
        }
    }

    // ---- out ----

    private void outbound() {
        String address = node.outboundAddress().isEmpty() ? "127.0.0.1" : node.outboundAddress();
        var httpPorts = new TreeSet<Integer>();
        scope.services().values().stream()
                .filter(view::isReachable)
                .forEach(service -> service.ports().stream()
                        .filter(port -> port.protocol().isHttp())
                        .forEach(port -> httpPorts.add(port.number())));
        for (int port : httpPorts) {
            view.add(view.cache()
                    .get(new ListenerProtos.OutboundHttp(address, port, view.log()), ListenerProtos::outboundHttp));
            view.routes(Integer.toString(port), hosts(port), true);
        }
        scope.services().values().stream()
                .filter(service -> !service.ranges().isEmpty())
                .forEach(service -> view.leaveOut(
                        new LeftOut(service.from(), "", "", "ranges of addresses need traffic that is intercepted")));
        // Addresses are given to all services that there are, so that a scope moves none of them.
        var tcpHosts = new TreeSet<String>();
        view.push().services().values().stream()
                .filter(service -> service.ports().stream()
                        .anyMatch(port -> !port.protocol().isHttp()))
                .forEach(service -> tcpHosts.add(service.host()));
        LocalAddresses.virtual(address, tcpHosts).forEach((host, virtual) -> {
            ServiceInfo service = scope.services().get(host);
            if (service != null && view.isReachable(service)) {
                for (PortInfo port : service.ports()) {
                    if (!port.protocol().isHttp() && scope.listensFor(port.number(), service)) {
                        view.add(tcp(service, port, virtual));
                    }
                }
            }
        });
    }

    private Resource tcp(ServiceInfo service, PortInfo port, String address) {
        return view.cache()
                .get(
                        new ListenerProtos.OutboundTcp(
                                new ListenerProtos.Place(address, port.number()), chains(service, port), view.log()),
                        ListenerProtos::outboundTcp);
    }

    /// The ways of connections to a service; the last is for all that no other is for.
    List<ListenerProtos.TcpChain> chains(ServiceInfo service, PortInfo port) {
        var ruled = ruleFor(service.host());
        var chains = new ArrayList<ListenerProtos.TcpChain>();
        if (ruled != null) {
            var routes = new TcpRules(view, rules);
            if (port.protocol() == Protocol.TLS) {
                chains.addAll(routes.tls(ruled, port.number(), "mesh"::equals));
            }
            var addresses = service.addresses().isEmpty() ? view.addresses(service) : service.addresses();
            routes.tcp(ruled, port.number(), addresses, "mesh"::equals).ifPresent(chains::add);
        }
        if (chains.stream().noneMatch(chain -> chain.serverNames().isEmpty())) {
            chains.add(new ListenerProtos.TcpChain(
                    List.of(),
                    List.of(new RouteProtos.Target(Names.outbound(port.number(), "", service.host()), 1, null, null)),
                    service.from(),
                    ""));
        }
        return chains;
    }

    /// The virtual hosts of an HTTP port.
    List<VirtualHost> hosts(int port) {
        var hosts = new ArrayList<VirtualHost>();
        var known = new TreeSet<String>();
        for (ServiceInfo service : scope.services().values()) {
            PortInfo served = service.ports().stream()
                    .filter(candidate ->
                            candidate.number() == port && candidate.protocol().isHttp())
                    .findFirst()
                    .orElse(null);
            if (served == null || !view.isReachable(service) || !scope.listensFor(port, service)) {
                continue;
            }
            known.add(service.host());
            hosts.add(host(service, port, domains(service, port)));
        }
        if (port == HTTP_PORT) {
            addUnregistered(known, hosts);
        }
        if (scope.registryOnly()) {
            hosts.add(BLOCK_ALL);
        } else if (node.intercepts()) {
            hosts.add(ALLOW_ANY);
        }
        return hosts;
    }

    /// The virtual host of one service's port.
    VirtualHost host(ServiceInfo service, int port, List<String> domains) {
        String name = service.host() + ":" + port;
        var rule = ruleFor(service.host());
        return view.cache()
                .get(
                        rule == null || rule.spec().http().isEmpty()
                                ? new RouteProtos.HostInput(
                                        name,
                                        domains,
                                        service.from(),
                                        List.of(),
                                        Names.outbound(port, "", service.host()),
                                        view.policy(service, "", port).hash(),
                                        false,
                                        true)
                                : new RouteProtos.HostInput(
                                        name,
                                        domains,
                                        rule.object().ref(),
                                        rules.http(rule, name, port, "mesh"::equals),
                                        "",
                                        null,
                                        false,
                                        true),
                        RouteProtos::host);
    }

    // Hosts that only a virtual service knows are served on port 80, as in Istio.
    private void addUnregistered(TreeSet<String> known, List<VirtualHost> hosts) {
        for (var rule : scope.virtualServices()) {
            if (!onMesh(rule) || rule.spec().http().isEmpty()) {
                continue;
            }
            for (String written : rule.spec().hosts()) {
                String host = PushContext.qualify(written, rule.namespace());
                if (!view.push().services().containsKey(host) && known.add(host) && !host.equals("*")) {
                    String name = host + ":" + HTTP_PORT;
                    hosts.add(view.cache()
                            .get(
                                    new RouteProtos.HostInput(
                                            name,
                                            List.of(host, host + ":" + HTTP_PORT),
                                            rule.object().ref(),
                                            rules.http(rule, name, HTTP_PORT, "mesh"::equals),
                                            "",
                                            null,
                                            false,
                                            true),
                                    RouteProtos::host));
                }
            }
        }
    }

    /// Refuses what the registry does not know (outbound policy REGISTRY_ONLY), as Istio does.
    private static final VirtualHost BLOCK_ALL = VirtualHost.newBuilder()
            .setName("block_all")
            .addDomains("*")
            .addRoutes(Route.newBuilder()
                    .setName("block_all")
                    .setMatch(RouteMatch.newBuilder().setPrefix("/"))
                    .setDirectResponse(DirectResponseAction.newBuilder().setStatus(502)))
            .build();

    /// Lets what the registry does not know through to where the caller is going (ALLOW_ANY).
    private static final VirtualHost ALLOW_ANY = VirtualHost.newBuilder()
            .setName("allow_any")
            .addDomains("*")
            .setIncludeRequestAttemptCount(true)
            .addRoutes(Route.newBuilder()
                    .setName("allow_any")
                    .setMatch(RouteMatch.newBuilder().setPrefix("/"))
                    .setRoute(RouteAction.newBuilder()
                            .setCluster(Names.PASSTHROUGH)
                            .setTimeout(Duration.getDefaultInstance())))
            .build();

    private static boolean onMesh(PushContext.Rule<VirtualService> rule) {
        return rule.spec().gateways().isEmpty() || rule.spec().gateways().contains("mesh");
    }

    // Of several virtual services the one with the most specific host is used, and of those the oldest.
    private PushContext.@Nullable Rule<VirtualService> ruleFor(String host) {
        PushContext.Rule<VirtualService> best = null;
        String pattern = "";
        for (var rule : scope.virtualServices()) {
            if (!onMesh(rule)) {
                continue;
            }
            for (String written : rule.spec().hosts()) {
                String name = PushContext.qualify(written, rule.namespace());
                if (name.equals(host)) {
                    return rule;
                }
                if (PushContext.covers(name, host) && name.length() > pattern.length()) {
                    best = rule;
                    pattern = name;
                }
            }
        }
        return best;
    }

    private List<String> domains(ServiceInfo service, int port) {
        var names = new LinkedHashSet<String>();
        names.add(service.host());
        if (service.hasShortNames()) {
            if (service.namespace().equals(node.namespace())) {
                names.add(service.name());
            }
            names.add(service.name() + "." + service.namespace());
            names.add(service.name() + "." + service.namespace() + ".svc");
        }
        if (service.headless() && service.hasShortNames() && node.intercepts()) {
            // Its pods have names below its own, and connections go to where the client was going.
            List.copyOf(names).forEach(name -> names.add("*." + name));
        }
        view.addresses(service).forEach(address -> names.add(address.contains(":") ? "[" + address + "]" : address));
        var domains = new ArrayList<String>();
        for (String name : names) {
            domains.add(name);
            if (!name.equals("*") && !service.host().startsWith("*")) {
                domains.add(name + ":" + port);
            }
        }
        return domains;
    }

    // ---- in ----

    private void inbound() {
        String address = node.addresses().getFirst();
        Sidecar sidecar = scope.rule() == null ? null : scope.rule().spec();
        if (sidecar != null && !sidecar.ingress().isEmpty()) {
            sidecar.ingress().forEach(ingress -> ingress(address, ingress));
            return;
        }
        view.ownPorts(
                List.of(address),
                (service, port, target) -> listen(
                        address,
                        target,
                        "127.0.0.1",
                        node.applicationPorts().getOrDefault(target, target),
                        port.protocol(),
                        service.from()));
    }

    /// Where a Sidecar says that a captured port leads: the application, at an address of its own choice.
    ///
    /// @param sources that the workload's own address is called from
    static ClusterProtos.Inbound inboundTo(Sidecar.IngressListener ingress, String own, List<String> sources) {
        int port = ingress.port().number();
        Protocol protocol = ServiceProtocols.of(ingress.port().protocol());
        String endpoint = ingress.defaultEndpoint();
        if (endpoint.startsWith("unix://")) {
            return new ClusterProtos.Inbound(port, endpoint, port, protocol, List.of());
        }
        int colon = endpoint.lastIndexOf(':');
        String written = endpoint.substring(0, colon).replaceAll("[\\[\\]]", "");
        boolean itself = written.equals("0.0.0.0") || written.equals("::");
        return new ClusterProtos.Inbound(
                port,
                itself ? own : written,
                Integer.parseInt(endpoint.substring(colon + 1)),
                protocol,
                itself || written.equals(own) ? sources : List.of());
    }

    /// A Sidecar's way in at a bound address.
    void ingress(String address, Sidecar.IngressListener ingress) {
        if (ingress.tls() != null) {
            return; // never plaintext instead
        }
        int port = ingress.port().number();
        String host = "127.0.0.1";
        int application = node.applicationPorts().getOrDefault(port, port);
        String endpoint = ingress.defaultEndpoint();
        if (endpoint.startsWith("unix://")) {
            host = endpoint;
        } else if (endpoint.lastIndexOf(':') > 0) {
            String written = endpoint.substring(0, endpoint.lastIndexOf(':'));
            host = written.equals("0.0.0.0") ? address : written;
            application = Integer.parseInt(endpoint.substring(endpoint.lastIndexOf(':') + 1));
            application = node.applicationPorts().getOrDefault(application, application);
        }
        var protocol = ServiceProtocols.of(ingress.port().protocol());
        listen(
                ingress.bind().isEmpty() ? address : ingress.bind(),
                port,
                host,
                application,
                protocol,
                scope.rule() == null ? null : scope.rule().object().ref());
    }

    private void listen(
            String address,
            int port,
            String host,
            int application,
            Protocol protocol,
            dev.mesh.api.finding.@Nullable ResourceRef from) {
        view.add(view.cache()
                .get(new ClusterProtos.Inbound(port, host, application, protocol, List.of()), ClusterProtos::inbound));
        if (protocol.isHttp()) {
            view.add(ListenerProtos.inboundHttp(address, port, inboundRoutes(port, from), view.log()));
        } else {
            view.add(ListenerProtos.inboundTcp(address, port, view.log()));
        }
    }

    static RouteConfiguration inboundRoutes(int port, dev.mesh.api.finding.@Nullable ResourceRef from) {
        return RouteConfiguration.newBuilder()
                .setName(Names.inbound(port))
                .setValidateClusters(BoolValue.of(false))
                .addVirtualHosts(VirtualHost.newBuilder()
                        .setName("inbound|http|" + port)
                        .addDomains("*")
                        .addRoutes(RouteProtos.inbound(Names.inbound(port), from)))
                .build();
    }
}
