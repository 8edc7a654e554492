package dev.mesh.pilot.generate;

import com.google.protobuf.BoolValue;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.networking.ClientTls;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.ServerTls;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.model.Credential;
import dev.mesh.pilot.model.CredentialName;
import dev.mesh.pilot.model.NamedCredentials;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.ServiceInfo.Nearness;
import dev.mesh.pilot.model.ServiceInfo.PortInfo;
import dev.mesh.pilot.model.ServiceInfo.Resolution;
import dev.mesh.pilot.model.VirtualAddress;
import dev.mesh.pilot.model.Workload;
import dev.mesh.pilot.push.ClientTlsSupport;
import dev.mesh.pilot.push.DestinationRules;
import dev.mesh.pilot.push.PushContext;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.Vhds;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// The resources of one view on their way. One thread.
final class ViewBuilder {
    private final PushContext push;
    private final ProxyNode node;
    private final ResourceCache cache;
    private final Map<XdsType, SortedMap<String, Resource>> resources = new EnumMap<>(XdsType.class);
    private final List<LeftOut> leftOut = new ArrayList<>();
    private final Set<Finding> findings = new LinkedHashSet<>();
    private final Map<String, Optional<DestinationRules.Merged>> rules = new HashMap<>();
    private @Nullable Place place;

    ViewBuilder(PushContext push, ProxyNode node, ResourceCache cache) {
        this.push = push;
        this.node = node;
        this.cache = cache;
    }

    PushContext push() {
        return push;
    }

    /// Where the proxy writes its access log; empty: nowhere.
    String log() {
        return push.accessLogFile();
    }

    ProxyNode node() {
        return node;
    }

    ResourceCache cache() {
        return cache;
    }

    void add(Resource resource) {
        resources.computeIfAbsent(resource.type(), any -> new TreeMap<>()).put(resource.name(), resource);
    }

    void leaveOut(LeftOut rule) {
        leftOut.add(rule);
    }

    /// Once, however often it is said.
    void remark(Finding finding) {
        findings.add(finding);
    }

    ProxyView view() {
        return ProxyView.of(resources, leftOut, findings);
    }

    /// One port of the proxy's own workload.
    @FunctionalInterface
    interface OwnPort {
        /// @param target number of the workload's port
        void at(ServiceInfo service, PortInfo port, int target);
    }

    /// Every port of a service that the workload with one of these addresses serves. An EndpointSlice knows a Pod by
    /// its
    /// address, ready or not.
    void ownPorts(List<String> addresses, OwnPort each) {
        Predicate<Workload> own =
                workload -> workload.isAt(addresses) && workload.namespace().equals(node.namespace());
        if (push.workloads().stream().noneMatch(own)) {
            return;
        }
        for (ServiceInfo service : push.services().values()) {
            push.endpoints(service).stream().filter(own).forEach(workload -> {
                for (PortInfo port : service.ports()) {
                    if (!workload.hasOnlyThesePorts() || workload.ports().containsKey(port.name())) {
                        each.at(service, port, ClusterProtos.targetPort(port, workload));
                    }
                }
            });
        }
    }

    /// Where this proxy's application calls a service, ranges left aside: at the service's own addresses, or at those
    /// that it was allocated, in the families that the proxy has.
    List<String> addresses(ServiceInfo service) {
        VirtualAddress allocated =
                node.intercepts() && node.answersNames() ? push.allocated().get(service.host()) : null;
        if (allocated == null) {
            return service.singleAddresses();
        }
        var addresses = new ArrayList<String>();
        if (node.addresses().stream().anyMatch(address -> !address.contains(":"))) {
            addresses.add(allocated.four());
        }
        if (node.addresses().stream().anyMatch(address -> address.contains(":"))) {
            addresses.add(allocated.six());
        }
        return addresses;
    }

    /// The rule that this proxy uses for a service.
    Optional<DestinationRules.Merged> rule(ServiceInfo service) {
        return rules.computeIfAbsent(
                service.host(),
                any -> Optional.ofNullable(push.destinationRules().find(service, node.namespace(), node.labels())));
    }

    /// The policy for a destination in a route.
    Policy policy(ServiceInfo service, String subset, int port) {
        var rule = rule(service);
        if (rule.isEmpty()) {
            return Policy.NONE;
        }
        DestinationRule.Subset found = rule.get().subsets().stream()
                .filter(candidate -> candidate.name().equals(subset))
                .findFirst()
                .orElse(null);
        return Policy.of(rule.get(), found, port);
    }

    /// All clusters of a service, and the endpoints of those that have them by EDS.
    void clusters(ServiceInfo service) {
        var rule = rule(service).orElse(null);
        boolean credentials = node.type() == ProxyNode.Type.ROUTER
                || (node.type() == ProxyNode.Type.SIDECAR
                        && rule != null
                        && rule.first().spec().workloadSelector() != null);
        for (PortInfo written : service.ports()) {
            PortInfo port = node.intercepts() ? written.sniffed() : written.assumed();
            cluster(service, port, "", Map.of(), Policy.of(rule, null, port.number()), credentials);
            if (rule != null) {
                for (DestinationRule.Subset subset : rule.subsets()) {
                    cluster(
                            service,
                            port,
                            subset.name(),
                            subset.labels(),
                            Policy.of(rule, subset, port.number()),
                            credentials);
                }
            }
        }
    }

    private void cluster(
            ServiceInfo service,
            PortInfo port,
            String subset,
            Map<String, String> labels,
            Policy written,
            boolean credentials) {
        boolean refused = ClientTlsSupport.refuses(written.tls(), credentials);
        Policy policy = refused ? written.withoutTls() : written;
        var endpoints = assignment(service, port, subset, labels, refused);
        if (policy.tls() != null) {
            secrets(
                    policy.tls(),
                    rule(service).map(rule -> rule.first().object().ref()).orElse(null));
        }
        if (node.intercepts() && !refused && (service.headless() || service.resolution() == Resolution.NONE)) {
            add(cache.get(
                    new ClusterProtos.Input(
                            service.host(),
                            port,
                            subset,
                            policy,
                            null,
                            ClusterProtos.Hosts.ORIGINAL,
                            service.subjectAltNames(),
                            false),
                    ClusterProtos::outbound));
            return;
        }
        boolean byEds = service.resolution() == Resolution.KNOWN || refused;
        add(cache.get(
                new ClusterProtos.Input(
                        service.host(),
                        port,
                        subset,
                        policy,
                        byEds ? null : endpoints,
                        byEds ? ClusterProtos.Hosts.EDS : ClusterProtos.Hosts.DNS,
                        service.subjectAltNames(),
                        node.type() == ProxyNode.Type.PROXYLESS),
                ClusterProtos::outbound));
        if (byEds) {
            add(cache.get(endpoints, ClusterProtos::endpoints));
        }
    }

    // A TLS mode that cannot be given refuses traffic: never plaintext instead.
    private ClusterProtos.Assignment assignment(
            ServiceInfo service, PortInfo port, String subset, Map<String, String> labels, boolean refused) {
        List<Workload> serving = refused ? List.of() : endpoints(service);
        return new ClusterProtos.Assignment(
                Names.outbound(port.number(), subset, service.host()),
                port,
                labels,
                serving.stream()
                        .filter(workload -> workload.isEndpointOf(port) && workload.matches(labels))
                        .filter(workload ->
                                !service.nodeLocal() || workload.node().equals(place().node()))
                        .map(workload -> workload.reachedBy(node))
                        .toList(),
                service.nearness() == Nearness.ANY ? List.of() : place().near(service.nearness()));
    }

    private Place place() {
        Place known = place;
        if (known == null) {
            known = Place.of(push, node);
            place = known;
        }
        return known;
    }

    private void secrets(ClientTls tls, @Nullable ResourceRef rule) {
        boolean shows = tls.mode() == ClientTls.Mode.MUTUAL;
        if (tls.credentialName().isEmpty() || (!shows && tls.mode() != ClientTls.Mode.SIMPLE)) {
            return;
        }
        CredentialName name = CredentialName.of(tls.credentialName());
        if (shows) {
            pair(name, rule);
        }
        if (!Boolean.TRUE.equals(tls.insecureSkipVerify())) {
            authorities(name.authorities(), rule);
        }
    }

    /// What a gateway's server shows and trusts.
    void secrets(ServerTls tls, ResourceRef gateway) {
        NamedCredentials.certificates(tls).forEach(written -> pair(CredentialName.of(written), gateway));
        CredentialName authorities = NamedCredentials.authorities(tls);
        if (authorities != null) {
            authorities(authorities, gateway);
        }
    }

    private void pair(CredentialName name, @Nullable ResourceRef by) {
        if (mayHave(name, by)) {
            Credential found = push.credentials().pair(name, node.secretsOf());
            if (found != null) {
                add(SecretProtos.pair(name.resource(), found));
            } else {
                withoutSecret(by, name, "has no certificate and key, or is not there, in namespace " + in(name));
            }
        }
    }

    private void authorities(CredentialName name, @Nullable ResourceRef by) {
        if (mayHave(name, by)) {
            Credential found = push.credentials().authorities(name, node.secretsOf());
            if (found != null) {
                add(SecretProtos.authorities(name.resource(), found));
            } else {
                withoutSecret(by, name, "has no certificates to trust, or is not there, in namespace " + in(name));
            }
        }
    }

    private String in(CredentialName name) {
        return name.namespace().isEmpty() ? node.secretsOf() : name.namespace();
    }

    private void withoutSecret(@Nullable ResourceRef by, CredentialName name, String why) {
        if (by != null) {
            leaveOut(new LeftOut(by, "", "", "Secret " + name.name() + " " + why));
        }
    }

    // Nothing but Secrets of the namespace whose identity the proxy has proven (Istio, filterAuthorizedResources).
    private boolean mayHave(CredentialName name, @Nullable ResourceRef by) {
        String own = node.secretsOf();
        boolean may = !own.isEmpty()
                && name.isKnown()
                && (name.namespace().isEmpty() || name.namespace().equals(own))
                && (!name.isForGateway() || by != null && by.namespace().equals(own));
        if (!may) {
            withoutSecret(
                    by,
                    name,
                    own.isEmpty()
                            ? "is not given to this proxy, which has not proven an identity that may list the Secrets"
                                    + " of its namespace"
                            : "is not given to this proxy, which may have Secrets of its own namespace " + own
                                    + " alone");
        }
        return may;
    }

    // Where the caller was going cannot be known without interception; a name that DNS knows leads there too.
    private List<Workload> endpoints(ServiceInfo service) {
        return service.resolution() == Resolution.NONE
                ? List.of(new Workload(service.host(), service.namespace(), service.host(), Map.of(), Map.of(), "", 1))
                : push.endpoints(service);
    }

    /// Whether clusters can be made for the service: the endpoints of a wildcard must be known, or be where the
    /// caller is going.
    boolean isReachable(ServiceInfo service) {
        return service.resolution() == Resolution.KNOWN
                || !service.host().startsWith("*")
                || (node.intercepts() && service.resolution() == Resolution.NONE);
    }

    /// A route configuration, with its virtual hosts beside it for clients that take them one by one.
    void routes(String name, List<VirtualHost> hosts, boolean onDemand) {
        var configuration = RouteConfiguration.newBuilder().setName(name).setValidateClusters(BoolValue.of(false));
        if (onDemand && node.vhds()) {
            configuration.setVhds(Vhds.newBuilder().setConfigSource(ClusterProtos.ADS));
            for (VirtualHost host : hosts) {
                add(cache.get(new OneHost(name, host), ViewBuilder::oneHost));
            }
        } else {
            configuration.addAllVirtualHosts(hosts);
        }
        add(Resource.of(XdsType.ROUTE, name, configuration.build()));
    }

    private record OneHost(String configuration, VirtualHost host) {}

    private static Resource oneHost(OneHost in) {
        String full = in.configuration() + "/" + in.host().getName();
        return Resource.of(
                XdsType.VIRTUAL_HOST, full, in.host().toBuilder().setName(full).build());
    }
}
