package dev.mesh.pilot.generate;

import com.google.protobuf.BoolValue;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.local.LocalAddresses;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.ServiceInfo.PortInfo;
import dev.mesh.pilot.model.Workload;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.PushContextBuilder;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.Vhds;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/// Everything for one proxy. Pure and thread-safe.
public final class ConfigGenerators implements Generators {
    @Override
    public ProxyView generate(PushContext push, ProxyNode node) {
        var build = new Build(push, node);
        switch (node.type()) {
            case SIDECAR -> build.sidecar();
            case ROUTER -> build.gateway();
            case PROXYLESS -> build.clusters();
        }
        return build.view();
    }

    @Override
    public ProxyView endpointsOnly(PushContext push, ProxyNode node, ProxyView previous, Set<String> services) {
        return generate(push, node);
    }

    /// The resources of one view on their way.
    private static final class Build {
        private final PushContext push;
        private final ProxyNode node;
        private final Map<XdsType, SortedMap<String, Resource>> resources = new EnumMap<>(XdsType.class);

        private Build(PushContext push, ProxyNode node) {
            this.push = push;
            this.node = node;
        }

        private void add(Resource resource) {
            resources.computeIfAbsent(resource.type(), any -> new TreeMap<>()).put(resource.name(), resource);
        }

        private List<Workload> workloads(ServiceInfo service) {
            if (service.selector().isEmpty()) {
                return List.of();
            }
            return push.workloads().stream()
                    .filter(workload ->
                            workload.namespace().equals(service.namespace()) && workload.matches(service.selector()))
                    .toList();
        }

        private void clusters() {
            for (ServiceInfo service : push.services().values()) {
                DestinationRule rule = push.destinationRule(service.host());
                boolean closed = rule != null
                        && rule.trafficPolicy() != null
                        && rule.trafficPolicy().tls() != null;
                // A TLS mode that cannot be given refuses traffic: never plaintext instead.
                List<Workload> serving = closed ? List.of() : workloads(service);
                for (PortInfo port : service.ports()) {
                    add(ClusterProtos.outbound(
                            new ClusterProtos.Input(service.host(), port, "", ClusterProtos.policy(rule, null))));
                    add(ClusterProtos.endpoints(service, port, "", Map.of(), serving));
                    if (rule != null) {
                        for (DestinationRule.Subset subset : rule.subsets()) {
                            add(ClusterProtos.outbound(new ClusterProtos.Input(
                                    service.host(), port, subset.name(), ClusterProtos.policy(rule, subset))));
                            add(ClusterProtos.endpoints(service, port, subset.name(), subset.labels(), serving));
                        }
                    }
                }
            }
        }

        private void sidecar() {
            clusters();
            outbound();
            inbound();
        }

        private void outbound() {
            String address = node.outboundAddress().isEmpty() ? "127.0.0.1" : node.outboundAddress();
            var httpPorts = new TreeSet<Integer>();
            var tcpHosts = new TreeSet<String>();
            push.services()
                    .values()
                    .forEach(service -> service.ports().forEach(port -> {
                        if (port.protocol().isHttp()) {
                            httpPorts.add(port.number());
                        } else {
                            tcpHosts.add(service.host());
                        }
                    }));
            for (int port : httpPorts) {
                add(ListenerProtos.outboundHttp(address, port));
                routes(Integer.toString(port), outboundHosts(port));
            }
            LocalAddresses.virtual(address, tcpHosts).forEach((host, virtual) -> {
                ServiceInfo service = push.services().get(host);
                if (service != null) {
                    for (PortInfo port : service.ports()) {
                        if (!port.protocol().isHttp()) {
                            add(ListenerProtos.outboundTcp(
                                    virtual, port.number(), Names.outbound(port.number(), "", host)));
                        }
                    }
                }
            });
        }

        private List<VirtualHost> outboundHosts(int port) {
            var hosts = new ArrayList<VirtualHost>();
            for (ServiceInfo service : push.services().values()) {
                boolean serves = service.ports().stream()
                        .anyMatch(candidate -> candidate.number() == port
                                && candidate.protocol().isHttp());
                if (!serves) {
                    continue;
                }
                var host = VirtualHost.newBuilder()
                        .setName(service.host() + ":" + port)
                        .addAllDomains(domains(service, port))
                        .setIncludeRequestAttemptCount(true);
                var rule = ruleFor(service.host(), "mesh");
                if (rule != null) {
                    host.addAllRoutes(RouteProtos.routes(rule, port, this::portOf));
                    host.setMetadata(RouteProtos.provenance(rule.object().ref(), ""));
                } else {
                    host.addRoutes(RouteProtos.plain(
                            Names.outbound(port, "", service.host()),
                            new ResourceRef("", "Service", service.namespace(), service.name())));
                }
                hosts.add(host.build());
            }
            return hosts;
        }

        // Two virtual services for one host: on the mesh the oldest is used, as in Istio.
        private PushContext.@org.jspecify.annotations.Nullable Rule<VirtualService> ruleFor(
                String host, String gateway) {
            for (var rule : push.virtualServices()) {
                boolean attached = rule.spec().gateways().isEmpty()
                        ? gateway.equals("mesh")
                        : rule.spec().gateways().contains(gateway);
                if (attached
                        && rule.spec().hosts().stream()
                                .anyMatch(name -> PushContext.qualify(name, rule.namespace())
                                        .equals(host))) {
                    return rule;
                }
            }
            return null;
        }

        private int portOf(String host, int otherwise) {
            ServiceInfo service = push.services().get(host);
            if (service == null) {
                return otherwise;
            }
            boolean has = service.ports().stream().anyMatch(port -> port.number() == otherwise);
            return has || service.ports().size() != 1
                    ? otherwise
                    : service.ports().getFirst().number();
        }

        private List<String> domains(ServiceInfo service, int port) {
            var names = new LinkedHashSet<String>();
            names.add(service.host());
            if (service.namespace().equals(node.namespace())) {
                names.add(service.name());
            }
            names.add(service.name() + "." + service.namespace());
            names.add(service.name() + "." + service.namespace() + ".svc");
            var domains = new ArrayList<String>();
            for (String name : names) {
                domains.add(name);
                domains.add(name + ":" + port);
            }
            return domains;
        }

        private void inbound() {
            String address = node.addresses().getFirst();
            var own = push.workloads().stream()
                    .filter(workload -> workload.address().equals(address)
                            && workload.namespace().equals(node.namespace()))
                    .toList();
            for (Workload workload : own) {
                for (ServiceInfo service : push.services().values()) {
                    if (!workloads(service).contains(workload)) {
                        continue;
                    }
                    for (PortInfo port : service.ports()) {
                        int target = ClusterProtos.targetPort(port, workload);
                        int application = node.applicationPorts().getOrDefault(target, target);
                        add(ClusterProtos.inbound(target, application, port.protocol()));
                        if (port.protocol().isHttp()) {
                            add(ListenerProtos.inboundHttp(address, target, inboundRoutes(service, target)));
                        } else {
                            add(ListenerProtos.inboundTcp(address, target));
                        }
                    }
                }
            }
        }

        private static RouteConfiguration inboundRoutes(ServiceInfo service, int port) {
            return RouteConfiguration.newBuilder()
                    .setName(Names.inbound(port))
                    .setValidateClusters(BoolValue.of(false))
                    .addVirtualHosts(VirtualHost.newBuilder()
                            .setName("inbound|http|" + port)
                            .addDomains("*")
                            .addRoutes(RouteProtos.plain(
                                    Names.inbound(port),
                                    new ResourceRef("", "Service", service.namespace(), service.name()))))
                    .build();
        }

        private void gateway() {
            clusters();
            var byPort = new TreeMap<Integer, List<PushContext.Rule<Gateway>>>();
            for (var gateway : push.gateways()) {
                if (!node.labels()
                        .entrySet()
                        .containsAll(gateway.spec().selector().entrySet())) {
                    continue;
                }
                for (var server : gateway.spec().servers()) {
                    switch (server.port().protocol().toUpperCase(Locale.ROOT)) {
                        case "HTTP", "HTTP2", "GRPC" ->
                            byPort.computeIfAbsent(server.port().number(), any -> new ArrayList<>())
                                    .add(gateway);
                        default -> {}
                    }
                }
            }
            byPort.forEach((port, gateways) -> {
                add(ListenerProtos.gatewayHttp(node.addresses().getFirst(), port));
                routes("http." + port, gatewayHosts(port, gateways));
            });
        }

        private List<VirtualHost> gatewayHosts(int port, List<PushContext.Rule<Gateway>> gateways) {
            // Virtual services of one host are merged on a gateway, the oldest first.
            var routesByHost = new TreeMap<String, VirtualHost.Builder>();
            for (var rule : push.virtualServices()) {
                boolean attached = rule.spec().gateways().stream()
                        .anyMatch(name -> gateways.stream()
                                .anyMatch(gateway -> PushContextBuilder.isNamed(gateway, name, rule.namespace())));
                if (!attached) {
                    continue;
                }
                for (String name : rule.spec().hosts()) {
                    String host = PushContext.qualify(name, rule.namespace());
                    routesByHost
                            .computeIfAbsent(
                                    host,
                                    any -> VirtualHost.newBuilder()
                                            .setName(host + ":" + port)
                                            .addAllDomains(
                                                    host.equals("*") ? List.of("*") : List.of(host, host + ":" + port))
                                            .setIncludeRequestAttemptCount(true)
                                            .setMetadata(RouteProtos.provenance(
                                                    rule.object().ref(), "")))
                            .addAllRoutes(RouteProtos.routes(rule, port, this::portOf));
                }
            }
            return routesByHost.values().stream()
                    .map(VirtualHost.Builder::build)
                    .toList();
        }

        private void routes(String name, List<VirtualHost> hosts) {
            var configuration = RouteConfiguration.newBuilder().setName(name).setValidateClusters(BoolValue.of(false));
            if (node.vhds()) {
                configuration.setVhds(Vhds.newBuilder().setConfigSource(ClusterProtos.ADS));
                for (VirtualHost host : hosts) {
                    String full = name + "/" + host.getName();
                    add(Resource.of(
                            XdsType.VIRTUAL_HOST,
                            full,
                            host.toBuilder().setName(full).build()));
                }
            } else {
                configuration.addAllVirtualHosts(hosts);
            }
            add(Resource.of(XdsType.ROUTE, name, configuration.build()));
        }

        private ProxyView view() {
            try {
                var digest = MessageDigest.getInstance("SHA-256");
                resources.forEach((type, byName) -> byName.values()
                        .forEach(resource -> digest.update((type + resource.name() + "\n" + resource.version() + "\n")
                                .getBytes(StandardCharsets.UTF_8))));
                return new ProxyView(HexFormat.of().formatHex(digest.digest(), 0, 8), resources);
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("every JDK has SHA-256", e);
            }
        }
    }
}
