package dev.mesh.cli.client;

import dev.mesh.api.proto.v1.ProxyStatus;

/// The parts of a node id `<type>~<ip>~<workload>.<namespace>~<domain>` that people know a proxy by.
public record NodeName(String id, String workload, String namespace) {
    public static NodeName of(String id) {
        String[] parts = id.split("~", -1);
        if (parts.length < 3) {
            return new NodeName(id, id, "");
        }
        int dot = parts[2].lastIndexOf('.');
        return dot < 0
                ? new NodeName(id, parts[2], "")
                : new NodeName(id, parts[2].substring(0, dot), parts[2].substring(dot + 1));
    }

    /// The same of what owns the proxy's pod; that of the proxy itself if it does not say.
    static NodeName ofOwner(ProxyStatus proxy) {
        NodeName node = of(proxy.getNodeId());
        return proxy.getWorkloadName().isEmpty() ? node : new NodeName("", proxy.getWorkloadName(), node.namespace);
    }

    public boolean isMeantBy(String name) {
        return name.equals(id) || name.equals(workload) || name.equals(shortForm());
    }

    /// `workload.namespace`
    public String shortForm() {
        return namespace.isEmpty() ? workload : workload + "." + namespace;
    }
}
