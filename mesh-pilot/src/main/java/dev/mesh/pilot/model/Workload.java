package dev.mesh.pilot.model;

import dev.mesh.pilot.model.ServiceInfo.PortInfo;
import java.util.Collection;
import java.util.Map;

/// One address that serves.
///
/// @param ports name → number, for target ports by name
/// @param weight at least 1
/// @param serviceAccount it runs as; empty = not known
/// @param health whether it takes requests
/// @param hasOnlyThesePorts whether a service's port that is not in `ports` is not served here at all
/// @param node that it runs on; empty = not known, or none
/// @param otherAddress the same of the other address family; empty = none
/// @param hostname its own name below that of its headless Service, such as `mysql-0`; empty = it has none
public record Workload(
        String name,
        String namespace,
        String address,
        Map<String, String> labels,
        Map<String, Integer> ports,
        String locality,
        int weight,
        String serviceAccount,
        Health health,
        boolean hasOnlyThesePorts,
        String node,
        String otherAddress,
        String hostname) {
    public Workload {
        labels = Map.copyOf(labels);
        ports = Map.copyOf(ports);
    }

    /// One that is healthy, by whatever port.
    public Workload(
            String name,
            String namespace,
            String address,
            Map<String, String> labels,
            Map<String, Integer> ports,
            String locality,
            int weight) {
        this(name, namespace, address, labels, ports, locality, weight, "", Health.HEALTHY, false, "", "", "");
    }

    /// As a Kubernetes EndpointSlice tells it.
    public enum Health {
        HEALTHY,
        /// Ends: finishes what it has, gets nothing new.
        DRAINING,
        /// Is not ready.
        UNHEALTHY
    }

    /// The same, which has an address of the other family as well.
    public Workload alsoAt(String other) {
        return at(address, other);
    }

    /// The same by those addresses of its two which a client can reach; by its first if it can reach none.
    public Workload reachedBy(ProxyNode client) {
        if (otherAddress.isEmpty()) {
            return this;
        }
        if (!client.speaks(otherAddress)) {
            return at(address, "");
        }
        return client.speaks(address) ? this : at(otherAddress, "");
    }

    private Workload at(String first, String other) {
        return new Workload(
                name,
                namespace,
                first,
                labels,
                ports,
                locality,
                weight,
                serviceAccount,
                health,
                hasOnlyThesePorts,
                node,
                other,
                hostname);
    }

    /// Whether it has one of the addresses.
    public boolean isAt(Collection<String> addresses) {
        return addresses.contains(address) || (!otherAddress.isEmpty() && addresses.contains(otherAddress));
    }

    /// Whether it has every label of the selector.
    public boolean matches(Map<String, String> selector) {
        return labels.entrySet().containsAll(selector.entrySet());
    }

    /// Whether clients may know it as an endpoint of the port.
    public boolean isEndpointOf(PortInfo port) {
        return health != Health.UNHEALTHY && (!hasOnlyThesePorts || ports.containsKey(port.name()));
    }
}
