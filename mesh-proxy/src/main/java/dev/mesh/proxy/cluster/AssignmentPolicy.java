package dev.mesh.proxy.cluster;

/// What a load assignment says beside its hosts (`ClusterLoadAssignment.Policy`).
///
/// @param overprovisioning in percent: how much more than its share a host can carry, default 140
/// @param drop of how many requests in a million none is sent on (`drop_overloads`)
public record AssignmentPolicy(int overprovisioning, int drop) {
    public static final AssignmentPolicy USUAL = new AssignmentPolicy(140, 0);
}
