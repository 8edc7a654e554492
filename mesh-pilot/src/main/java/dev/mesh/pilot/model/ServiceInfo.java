package dev.mesh.pilot.model;

import dev.mesh.api.finding.ResourceRef;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A service as the mesh knows it.
///
/// @param from the object that it came from
/// @param host fully qualified
/// @param namespace it lives in
/// @param name short; equal to the host where it has no other
/// @param selector of its workloads; empty = none
/// @param resolution how its endpoints are found
/// @param addresses virtual addresses, and ranges of them (`10.0.0.0/8`)
/// @param endpoints written in the object itself
/// @param exportTo namespaces that see it; empty or `*` = all, `.` = its own
/// @param headless whether clients call its workloads by their own addresses
/// @param nearness which of its endpoints a client prefers
/// @param nodeLocal whether a client uses those of its own node alone
/// @param subjectAltNames that its certificates are checked for; empty = by the client's own rule
public record ServiceInfo(
        ResourceRef from,
        String host,
        String namespace,
        String name,
        Map<String, String> selector,
        Resolution resolution,
        List<String> addresses,
        List<PortInfo> ports,
        List<Workload> endpoints,
        Set<String> exportTo,
        boolean headless,
        Nearness nearness,
        boolean nodeLocal,
        List<String> subjectAltNames) {
    public ServiceInfo {
        selector = Map.copyOf(selector);
        addresses = List.copyOf(addresses);
        ports = List.copyOf(ports);
        endpoints = List.copyOf(endpoints);
        exportTo = Set.copyOf(exportTo);
        subjectAltNames = List.copyOf(subjectAltNames);
    }

    /// Which endpoints are preferred; others stand in where those cannot carry it all (Istio, TrafficDistribution).
    public enum Nearness {
        ANY,
        /// Of one's own zone, then of one's region.
        SAME_ZONE,
        /// Of one's own node, then subzone, zone, region.
        SAME_NODE
    }

    /// How the endpoints are found.
    public enum Resolution {
        /// They are known here, and sent by EDS.
        KNOWN,
        /// The proxy asks DNS.
        DNS,
        /// Wherever the caller was going.
        NONE
    }

    /// What a port carries.
    public enum Protocol {
        HTTP,
        HTTP2,
        TCP,
        /// Nothing is said. Where traffic is intercepted its first bytes tell; elsewhere it is taken for HTTP.
        AUTO,
        /// TLS that is passed on; told apart by its server name.
        TLS;

        public boolean isHttp() {
            return this == HTTP || this == HTTP2 || this == AUTO;
        }
    }

    /// The addresses without the ranges.
    public List<String> singleAddresses() {
        return addresses.stream().filter(address -> !address.contains("/")).toList();
    }

    /// The ranges among the addresses.
    public List<String> ranges() {
        return addresses.stream().filter(address -> address.contains("/")).toList();
    }

    /// Whether it came from a Kubernetes Service, and so has short names.
    public boolean hasShortNames() {
        return from.kind().equals("Service");
    }

    /// Whether proxies of a namespace may see it.
    public boolean isVisibleTo(String clientNamespace) {
        return isExported(exportTo, namespace, clientNamespace);
    }

    /// What `exportTo` of an object of `namespace` means to a client's namespace.
    public static boolean isExported(java.util.Collection<String> exportTo, String namespace, String clientNamespace) {
        return exportTo.isEmpty()
                || exportTo.contains("*")
                || exportTo.contains(clientNamespace)
                || (exportTo.contains(".") && namespace.equals(clientNamespace));
    }

    /// @param target port of the workload, by number or by a name in its ports
    public record PortInfo(String name, int number, Protocol protocol, String target) {
        private static final Set<Integer> SERVER_FIRST = Set.of(25, 53, 3306, 27017);

        /// For a proxy that sees no first bytes before it decides: what is not said is HTTP.
        public PortInfo assumed() {
            return protocol == Protocol.AUTO ? new PortInfo(name, number, Protocol.HTTP, target) : this;
        }

        /// For a proxy that does: where servers speak first by custom (SMTP, MySQL, MongoDB) and on the port of DNS
        /// there is nothing to wait for (Istio does the same).
        public PortInfo sniffed() {
            return protocol == Protocol.AUTO && SERVER_FIRST.contains(number)
                    ? new PortInfo(name, number, Protocol.TCP, target)
                    : this;
        }
    }
}
