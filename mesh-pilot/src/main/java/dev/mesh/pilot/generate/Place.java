package dev.mesh.pilot.generate;

import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.model.ServiceInfo.Nearness;
import dev.mesh.pilot.model.Workload;
import dev.mesh.pilot.push.PushContext;
import java.util.List;

/// Where something runs; each part may be empty, for not known.
record Place(String region, String zone, String subzone, String node) {
    /// A proxy: where it says that it is, else where its workload is known to be.
    static Place of(PushContext push, ProxyNode proxy) {
        Workload own = push.workloads().stream()
                .filter(workload ->
                        workload.isAt(proxy.addresses()) && workload.namespace().equals(proxy.namespace()))
                .findFirst()
                .orElse(null);
        if (proxy.region().isEmpty() && own != null) {
            return of(own);
        }
        return new Place(proxy.region(), proxy.zone(), proxy.subzone(), own == null ? "" : own.node());
    }

    static Place of(Workload workload) {
        String[] parts = workload.locality().split("/", 3);
        return new Place(parts[0], parts.length > 1 ? parts[1] : "", parts.length > 2 ? parts[2] : "", workload.node());
    }

    /// What an endpoint must share with it to be near, the widest first; empty: nothing.
    List<String> near(Nearness nearness) {
        return switch (nearness) {
            case ANY -> List.of();
            case SAME_ZONE -> List.of(region, zone);
            case SAME_NODE -> List.of(region, zone, subzone, node);
        };
    }

    /// How many of the widest parts are others': 0 = as near as it gets.
    ///
    /// @param near of a client
    int distance(List<String> near) {
        List<String> own = List.of(region, zone, subzone, node);
        int shared = 0;
        while (shared < near.size() && near.get(shared).equals(own.get(shared))) {
            shared++;
        }
        return near.size() - shared;
    }
}
