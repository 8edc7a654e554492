package dev.mesh.api.networking;

import java.util.Map;

/// Picks workloads of the same namespace by their labels. (Used where the API says `workloadSelector.labels`.)
public record WorkloadSelector(Map<String, String> labels) {}
