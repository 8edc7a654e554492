package dev.mesh.pilot.model;

import java.util.Map;

/// One address that serves.
///
/// @param ports name → number, for target ports by name
/// @param weight at least 1
public record Workload(
        String name,
        String namespace,
        String address,
        Map<String, String> labels,
        Map<String, Integer> ports,
        String locality,
        int weight) {
    public Workload {
        labels = Map.copyOf(labels);
        ports = Map.copyOf(ports);
    }

    /// Whether it has every label of the selector.
    public boolean matches(Map<String, String> selector) {
        return labels.entrySet().containsAll(selector.entrySet());
    }
}
