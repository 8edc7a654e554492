package dev.mesh.pilot.push;

import dev.mesh.api.networking.Sidecar;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.model.ServiceInfo;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// What one sidecar may see: everything exported to its namespace, narrowed by the Sidecar that is for it.
///
/// @param namespace of the sidecar
/// @param services by host
/// @param virtualServices oldest first
/// @param rule the Sidecar; null if none is for the workload
/// @param registryOnly whether hosts that the registry does not know are refused
public record SidecarScope(
        String namespace,
        SortedMap<String, ServiceInfo> services,
        List<PushContext.Rule<VirtualService>> virtualServices,
        PushContext.@Nullable Rule<Sidecar> rule,
        boolean registryOnly) {

    /// A Sidecar that selects the workload, else the namespace's, else the root namespace's without a selector.
    public static SidecarScope of(PushContext push, ProxyNode node) {
        var rule = ruleFor(push, node);
        var services = new TreeMap<String, ServiceInfo>();
        var virtualServices = new ArrayList<PushContext.Rule<VirtualService>>();
        for (ServiceInfo service : push.services().values()) {
            if (service.isVisibleTo(node.namespace())
                    && (rule == null || imports(rule, node.namespace(), service.namespace(), Set.of(service.host())))) {
                services.put(service.host(), service);
            }
        }
        for (var candidate : push.virtualServices()) {
            if (!ServiceInfo.isExported(candidate.spec().exportTo(), candidate.namespace(), node.namespace())) {
                continue;
            }
            var hosts = new LinkedHashSet<String>();
            candidate.spec().hosts().forEach(host -> hosts.add(PushContext.qualify(host, candidate.namespace())));
            if (rule == null || imports(rule, node.namespace(), candidate.namespace(), hosts)) {
                virtualServices.add(candidate);
            }
        }
        if (rule != null) {
            addDestinations(push, node, virtualServices, services);
        }
        var policy = rule == null ? null : rule.spec().outboundTrafficPolicy();
        return new SidecarScope(
                node.namespace(),
                services,
                List.copyOf(virtualServices),
                rule,
                policy == null
                        ? push.mesh() != null && push.mesh().isRegistryOnly()
                        : policy.mode() == Sidecar.Mode.REGISTRY_ONLY);
    }

    // Where an imported virtual service leads to is reachable, imported or not.
    private static void addDestinations(
            PushContext push,
            ProxyNode node,
            List<PushContext.Rule<VirtualService>> virtualServices,
            SortedMap<String, ServiceInfo> services) {
        for (var rule : virtualServices) {
            Destinations.hosts(rule.spec()).forEach(host -> {
                ServiceInfo service = push.services().get(PushContext.qualify(host, rule.namespace()));
                if (service != null && service.isVisibleTo(node.namespace())) {
                    services.putIfAbsent(service.host(), service);
                }
            });
        }
    }

    /// Whether an egress listener of the scope is for a port and a service.
    ///
    /// @return true unless listeners are told apart by port and the port's own does not import the service
    public boolean listensFor(int port, ServiceInfo service) {
        if (rule == null || rule.spec().egress().isEmpty()) {
            return true;
        }
        for (var egress : rule.spec().egress()) {
            if (egress.port() != null && egress.port().number() == port) {
                return matches(egress, namespace, service.namespace(), Set.of(service.host()));
            }
        }
        return rule.spec().egress().stream()
                .anyMatch(egress -> egress.port() == null
                        && matches(egress, namespace, service.namespace(), Set.of(service.host())));
    }

    /// The egress listener that is for this port alone; null if none is.
    public Sidecar.@Nullable EgressListener egressAt(int port) {
        return rule == null
                ? null
                : rule.spec().egress().stream()
                        .filter(egress -> egress.port() != null && egress.port().number() == port)
                        .findFirst()
                        .orElse(null);
    }

    private static PushContext.@Nullable Rule<Sidecar> ruleFor(PushContext push, ProxyNode node) {
        PushContext.Rule<Sidecar> whole = null;
        PushContext.Rule<Sidecar> root = null;
        for (var candidate : push.sidecars()) {
            var selector = candidate.spec().workloadSelector();
            boolean own = candidate.namespace().equals(node.namespace());
            if (own && selector != null) {
                if (node.labels().entrySet().containsAll(selector.labels().entrySet())) {
                    return candidate;
                }
            } else if (own) {
                whole = whole == null ? candidate : whole;
            } else if (selector == null && candidate.namespace().equals(push.rootNamespace())) {
                root = root == null ? candidate : root;
            }
        }
        return whole == null ? root : whole;
    }

    private static boolean imports(PushContext.Rule<Sidecar> rule, String own, String namespace, Set<String> hosts) {
        return rule.spec().egress().isEmpty()
                || rule.spec().egress().stream().anyMatch(egress -> matches(egress, own, namespace, hosts));
    }

    // `.` is where the workload is, also in a Sidecar of the root namespace.
    private static boolean matches(Sidecar.EgressListener egress, String own, String namespace, Set<String> hosts) {
        for (String written : egress.hosts()) {
            int slash = written.indexOf('/');
            String of = slash < 0 ? "*" : written.substring(0, slash);
            String pattern = written.substring(slash + 1);
            boolean there = switch (of) {
                case "*" -> true;
                case "." -> namespace.equals(own);
                case "~" -> false;
                default -> namespace.equals(of);
            };
            if (there
                    && hosts.stream()
                            .anyMatch(host -> PushContext.covers(pattern, host)
                                    || (host.startsWith("*") && PushContext.covers(host, pattern)))) {
                return true;
            }
        }
        return false;
    }
}
