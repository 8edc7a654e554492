package dev.mesh.proxy.cluster;

import java.net.SocketAddress;
import java.util.List;
import java.util.Map;

/// One endpoint as configured or found.
///
/// @param address resolved
/// @param others addresses of the same endpoint, tried after that one, in this order
/// @param priority 0 is used first
/// @param weight of the host in its locality, at least 1
/// @param localityWeight counts only where the cluster chooses localities by weight; 0 = gets no traffic there
/// @param healthy as EDS says: UNKNOWN and HEALTHY are
public record HostSpec(
        SocketAddress address,
        List<SocketAddress> others,
        String hostname,
        String locality,
        int priority,
        int weight,
        int localityWeight,
        boolean healthy,
        Map<String, Object> metadata) {
    /// One of a single address.
    public HostSpec(
            SocketAddress address,
            String hostname,
            String locality,
            int priority,
            int weight,
            int localityWeight,
            boolean healthy,
            Map<String, Object> metadata) {
        this(address, List.of(), hostname, locality, priority, weight, localityWeight, healthy, metadata);
    }
}
