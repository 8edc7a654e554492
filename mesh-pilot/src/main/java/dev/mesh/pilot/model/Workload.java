package dev.mesh.pilot.model;

import dev.mesh.pilot.model.ServiceInfo.PortInfo;
import java.util.Map;

/// One address that serves.
///
/// @param ports name → number, for target ports by name
/// @param weight at least 1
/// @param serviceAccount it runs as; empty = not known
/// @param health whether it takes requests
/// @param hasOnlyThesePorts whether a service's port that is not in `ports` is not served here at all
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
        boolean hasOnlyThesePorts) {
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
        this(name, namespace, address, labels, ports, locality, weight, "", Health.HEALTHY, false);
    }

    /// As a Kubernetes EndpointSlice tells it.
    public enum Health {
        HEALTHY,
        /// Ends: finishes what it has, gets nothing new.
        DRAINING,
        /// Is not ready.
        UNHEALTHY
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
