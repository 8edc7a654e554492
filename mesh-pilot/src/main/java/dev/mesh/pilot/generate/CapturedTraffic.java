package dev.mesh.pilot.generate;

import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.networking.Sidecar;
import dev.mesh.pilot.generate.ListenerProtos.OutboundCaptured;
import dev.mesh.pilot.generate.ListenerProtos.RangeChain;
import dev.mesh.pilot.generate.ListenerProtos.TcpChain;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.ServiceInfo.PortInfo;
import dev.mesh.pilot.model.ServiceInfo.Protocol;
import dev.mesh.pilot.push.SidecarScope;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The listeners of a sidecar whose traffic is intercepted (interception modes REDIRECT and TPROXY), as Istio lays
/// them out: all that goes out comes to `virtualOutbound` and is handed over by its destination; all that comes in
/// comes to `virtualInbound`.
final class CapturedTraffic {
    private final ViewBuilder view;
    private final SidecarView sidecar;
    private final SidecarScope scope;
    private final ProxyNode node;
    private final String any;
    private final String anyExtra;
    private final TcpChain unknown;
    private final Set<String> taken = new HashSet<>();
    private final TreeMap<Integer, OnAllAddresses> onAll = new TreeMap<>();

    /// What listens for a port whatever the address.
    private static final class OnAllAddresses {
        private boolean http;
        private final List<RangeChain> chains = new ArrayList<>();
        private @Nullable TcpChain rest;
    }

    CapturedTraffic(ViewBuilder view, SidecarView sidecar, SidecarScope scope) {
        this.view = view;
        this.sidecar = sidecar;
        this.scope = scope;
        this.node = view.node();
        any = node.anyAddress();
        anyExtra = node.otherAnyAddress();
        unknown = to(scope.registryOnly() ? Names.BLACK_HOLE : Names.PASSTHROUGH);
    }

    private static TcpChain to(String cluster) {
        return new TcpChain(List.of(), List.of(new RouteProtos.Target(cluster, 1, null, null)), null, "");
    }

    void build() {
        view.add(ClusterProtos.PASSTHROUGH);
        view.add(ClusterProtos.BLACK_HOLE);
        outbound();
        inbound();
    }

    // ---- out ----

    private void outbound() {
        boolean transparent = node.interception() == ProxyNode.Interception.TPROXY;
        view.add(view.cache()
                .get(
                        new ListenerProtos.VirtualOutbound(any, anyExtra, transparent, unknown, view.log()),
                        ListenerProtos::virtualOutbound));
        for (ServiceInfo service : scope.services().values()) {
            if (!view.isReachable(service)) {
                continue;
            }
            for (PortInfo written : service.ports()) {
                PortInfo port = written.sniffed();
                if (scope.listensFor(port.number(), service)) {
                    outbound(service, port);
                }
            }
        }
        onAll.forEach((port, listener) -> {
            String routes = listener.http ? Integer.toString(port) : "";
            if (listener.http) {
                view.routes(routes, sidecar.hosts(port), true);
            }
            listener(any, anyExtra, port, false, routes, listener.chains, listener.rest);
        });
    }

    private void outbound(ServiceInfo service, PortInfo port) {
        var egress = scope.egressAt(port.number());
        if (egress != null && (!egress.bind().isEmpty() || egress.captureMode() == Sidecar.CaptureMode.NONE)) {
            apart(service, port, egress);
            return;
        }
        OnAllAddresses all = onAll.computeIfAbsent(port.number(), number -> new OnAllAddresses());
        if (port.protocol() == Protocol.HTTP || port.protocol() == Protocol.HTTP2) {
            all.http = true; // told apart by host
            return;
        }
        List<TcpChain> chains = sidecar.chains(service, port);
        List<Bound> addresses = addresses(service);
        String routes = "";
        if (port.protocol() == Protocol.AUTO && !addresses.isEmpty()) {
            routes = service.host() + ":" + port.number();
            view.routes(routes, List.of(sidecar.host(service, port.number(), List.of("*"))), true);
        }
        for (Bound address : addresses) {
            var parts = chains.subList(0, chains.size() - 1).stream()
                    .map(chain -> new RangeChain(List.of(), chain))
                    .toList();
            listener(address.first(), address.second(), port.number(), false, routes, parts, chains.getLast());
        }
        if (!service.ranges().isEmpty()) {
            chains.forEach(chain -> all.chains.add(new RangeChain(service.ranges(), chain)));
        } else if (addresses.isEmpty() && !service.headless()) {
            withoutAddress(service, port, chains, all);
        }
    }

    /// The addresses of one listener.
    ///
    /// @param second of the other family; empty: none
    private record Bound(String first, String second) {}

    // Those that the proxy has a family for. A headless Service's pods are called by their own addresses; nobody calls
    // himself through the proxy. Both addresses of a dual-stack Service are one listener's.
    private List<Bound> addresses(ServiceInfo service) {
        if (service.headless()) {
            return view.push().endpoints(service).stream()
                    .filter(workload -> !workload.isAt(node.addresses()))
                    .map(workload -> bound(List.of(workload.address(), workload.otherAddress())))
                    .distinct()
                    .toList();
        }
        return service.hasShortNames() && service.singleAddresses().size() > 1
                ? List.of(bound(service.singleAddresses()))
                : view.addresses(service).stream()
                        .map(address -> new Bound(address, ""))
                        .toList();
    }

    private Bound bound(List<String> addresses) {
        var spoken = addresses.stream()
                .filter(address -> !address.isEmpty() && node.speaks(address))
                .toList();
        return spoken.isEmpty()
                ? new Bound(addresses.getFirst(), "")
                : new Bound(spoken.getFirst(), spoken.size() > 1 ? spoken.get(1) : "");
    }

    // Nothing but the port and what the client says tells that this service is meant.
    private static void withoutAddress(ServiceInfo service, PortInfo port, List<TcpChain> chains, OnAllAddresses all) {
        all.http |= port.protocol() == Protocol.AUTO;
        for (TcpChain chain : chains) {
            if (!chain.serverNames().isEmpty()) {
                addNamed(chain, all);
            } else if (port.protocol() == Protocol.TLS) {
                addNamed(new TcpChain(List.of(service.host()), chain.targets(), chain.from(), chain.rule()), all);
            } else if (all.rest == null) {
                all.rest = chain;
            }
        }
    }

    // The first service that has a name keeps it.
    private static void addNamed(TcpChain chain, OnAllAddresses all) {
        var known = new HashSet<String>();
        all.chains.stream()
                .filter(other -> other.ranges().isEmpty())
                .forEach(other -> known.addAll(other.chain().serverNames()));
        var names = chain.serverNames().stream()
                .filter(name -> !known.contains(name))
                .toList();
        if (!names.isEmpty()) {
            all.chains.add(new RangeChain(List.of(), new TcpChain(names, chain.targets(), chain.from(), chain.rule())));
        }
    }

    private void listener(
            String address,
            String extra,
            int port,
            boolean bound,
            String routes,
            List<RangeChain> chains,
            @Nullable TcpChain rest) {
        if ((!routes.isEmpty() || !chains.isEmpty() || rest != null) && taken.add(address + "_" + port)) {
            view.add(view.cache()
                    .get(
                            new OutboundCaptured(
                                    address,
                                    extra,
                                    port,
                                    bound,
                                    routes,
                                    chains,
                                    rest == null ? unknown : rest,
                                    view.log()),
                            ListenerProtos::outboundCaptured));
        }
    }

    // A Sidecar's listener at an address of its own; it is bound where its traffic is not captured.
    private void apart(ServiceInfo service, PortInfo port, Sidecar.EgressListener egress) {
        String address = egress.bind().isEmpty() ? "127.0.0.1" : egress.bind();
        boolean http = port.protocol().isHttp();
        String routes = http ? Integer.toString(port.number()) : "";
        List<TcpChain> chains = http ? List.of(unknown) : sidecar.chains(service, port);
        if (http && !taken.contains(address + "_" + port.number())) {
            view.routes(routes, sidecar.hosts(port.number()), true);
        }
        listener(
                address,
                "",
                port.number(),
                egress.captureMode() == Sidecar.CaptureMode.NONE,
                routes,
                chains.subList(0, chains.size() - 1).stream()
                        .map(chain -> new RangeChain(List.of(), chain))
                        .toList(),
                chains.getLast());
    }

    // ---- in ----

    private void inbound() {
        List<String> sources = new ArrayList<>();
        if (any.equals("0.0.0.0")) {
            sources.add("127.0.0.6");
        }
        if (any.equals("::") || !anyExtra.isEmpty()) {
            sources.add("::6");
        }
        view.add(view.cache()
                .get(
                        new ClusterProtos.Captured(Names.INBOUND_PASSTHROUGH, Protocol.TCP, sources),
                        ClusterProtos::captured));
        var ports = new TreeMap<Integer, ListenerProtos.InboundPort>();
        Sidecar spec = scope.rule() == null ? null : scope.rule().spec();
        if (spec != null && !spec.ingress().isEmpty()) {
            spec.ingress().forEach(ingress -> ingress(ingress, sources, ports));
        } else {
            ownPorts(sources, ports);
        }
        view.add(view.cache()
                .get(
                        new ListenerProtos.VirtualInbound(
                                any,
                                anyExtra,
                                node.interception() == ProxyNode.Interception.TPROXY,
                                List.copyOf(ports.values()),
                                view.log()),
                        ListenerProtos::virtualInbound));
    }

    private void ownPorts(List<String> sources, TreeMap<Integer, ListenerProtos.InboundPort> ports) {
        view.ownPorts(
                node.addresses(),
                (service, port, target) -> ports.computeIfAbsent(
                        target, number -> inboundPort(number, port.sniffed().protocol(), sources, service.from())));
    }

    private void ingress(
            Sidecar.IngressListener ingress, List<String> sources, TreeMap<Integer, ListenerProtos.InboundPort> ports) {
        int port = ingress.port().number();
        if (!ingress.bind().isEmpty() || ingress.captureMode() == Sidecar.CaptureMode.NONE) {
            sidecar.ingress(node.addresses().getFirst(), ingress);
            return;
        }
        if (ingress.tls() != null) {
            ports.put(
                    port,
                    new ListenerProtos.InboundPort(
                            port, Protocol.TCP, Names.BLACK_HOLE, SidecarView.inboundRoutes(port, null)));
            return; // never plaintext instead
        }
        ResourceRef from = scope.rule() == null ? null : scope.rule().object().ref();
        Protocol protocol = ServiceProtocols.of(ingress.port().protocol());
        String endpoint = ingress.defaultEndpoint();
        if (endpoint.isEmpty()) {
            ports.put(port, inboundPort(port, protocol, sources, from));
            return;
        }
        String own = node.addresses().getFirst();
        view.add(view.cache().get(SidecarView.inboundTo(ingress, own, sources), ClusterProtos::inbound));
        ports.put(
                port,
                new ListenerProtos.InboundPort(
                        port, protocol, Names.inbound(port), SidecarView.inboundRoutes(port, from)));
    }

    private ListenerProtos.InboundPort inboundPort(
            int port, Protocol protocol, List<String> sources, @Nullable ResourceRef from) {
        String cluster = Names.inbound(port);
        view.add(view.cache().get(new ClusterProtos.Captured(cluster, protocol, sources), ClusterProtos::captured));
        return new ListenerProtos.InboundPort(port, protocol, cluster, SidecarView.inboundRoutes(port, from));
    }
}
