package dev.mesh.pilot.model;

import java.util.List;
import java.util.Map;

/// A service as the mesh knows it.
///
/// @param host fully qualified
/// @param namespace it lives in
/// @param name short
/// @param selector of its workloads; empty = none
public record ServiceInfo(
        String host, String namespace, String name, Map<String, String> selector, List<PortInfo> ports) {
    public ServiceInfo {
        selector = Map.copyOf(selector);
        ports = List.copyOf(ports);
    }

    /// What a port carries.
    public enum Protocol {
        HTTP,
        HTTP2,
        TCP;

        public boolean isHttp() {
            return this != TCP;
        }
    }

    /// @param target port of the workload, by number or by a name in its ports
    public record PortInfo(String name, int number, Protocol protocol, String target) {}
}
