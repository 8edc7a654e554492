package dev.mesh.pilot.push;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.Workload;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/// One immutable snapshot of everything known: the indexes that generators read.
///
/// @param revision counts snapshots of this process, for logs; never part of resource bytes
/// @param services by host
/// @param virtualServices oldest first
/// @param destinationRules by fully qualified host
/// @param findings about objects as they stand together
public record PushContext(
        long revision,
        SortedMap<String, ServiceInfo> services,
        List<Workload> workloads,
        List<Rule<VirtualService>> virtualServices,
        Map<String, Rule<DestinationRule>> destinationRules,
        List<Rule<Gateway>> gateways,
        List<Finding> findings) {

    /// An object with its spec.
    public record Rule<T>(MeshObject object, T spec) {
        public String namespace() {
            return object.ref().namespace();
        }

        public String name() {
            return object.ref().name();
        }
    }

    /// The rule for a host, or null.
    public @Nullable DestinationRule destinationRule(String host) {
        var rule = destinationRules.get(host);
        return rule == null ? null : rule.spec();
    }

    /// Fully qualified form of a host as written in an object of `namespace`.
    public static String qualify(String host, String namespace) {
        return host.indexOf('.') >= 0 || host.equals("*") ? host : host + "." + namespace + ".svc.cluster.local";
    }
}
