package dev.mesh.pilot.push;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.meshconfig.MeshConfig;
import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.Sidecar;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.model.MeshDefaults;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.VirtualAddress;
import dev.mesh.pilot.model.Workload;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/// One immutable snapshot of everything known: the indexes that generators read.
///
/// @param revision counts snapshots of this process, for logs; never part of resource bytes
/// @param services by host
/// @param known what serves, of all namespaces
/// @param serving workloads of each service that has any, by host
/// @param allocated addresses of ServiceEntries that have none of their own, by host
/// @param virtualServices oldest first, delegates in their place
/// @param destinationRules by what they are for
/// @param gateways oldest first
/// @param sidecars oldest first
/// @param credentials what Secrets hold
/// @param mesh settings of the whole mesh; null = all defaults
/// @param defaults where they say nothing
/// @param findings about objects as they stand together
public record PushContext(
        long revision,
        SortedMap<String, ServiceInfo> services,
        Workloads known,
        Map<String, List<Workload>> serving,
        SortedMap<String, VirtualAddress> allocated,
        List<Rule<VirtualService>> virtualServices,
        DestinationRules destinationRules,
        List<Rule<Gateway>> gateways,
        List<Rule<Sidecar>> sidecars,
        Credentials credentials,
        @Nullable MeshConfig mesh,
        MeshDefaults defaults,
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

    /// Namespace whose objects hold for all others where those say nothing.
    public String rootNamespace() {
        return MeshSettings.rootNamespace(mesh, defaults);
    }

    /// Which namespaces the mesh discovers; empty: all.
    public List<MeshConfig.LabelSelector> discovery() {
        return mesh == null ? List.of() : mesh.discoverySelectors();
    }

    /// Whether a namespace is one that the mesh discovers (MeshConfig.discoverySelectors).
    ///
    /// @param labels of the namespace
    public boolean discovers(Map<String, String> labels) {
        return MeshSettings.matches(discovery(), labels);
    }

    /// Where proxies write their access logs: `/dev/stdout`, `/dev/stderr` or a file; empty: nowhere.
    public String accessLogFile() {
        return mesh == null || mesh.accessLogFile() == null ? defaults.accessLogFile() : mesh.accessLogFile();
    }

    /// The workloads that serve, in order; those written in the service itself if it says so.
    public List<Workload> endpoints(ServiceInfo service) {
        return service.endpoints().isEmpty() ? serving.getOrDefault(service.host(), List.of()) : service.endpoints();
    }

    /// WorkloadEntries and Pods of all namespaces.
    public List<Workload> workloads() {
        return known.all();
    }

    /// This snapshot with other workloads behind the same services: all else is shared.
    PushContext withWorkloads(long nextRevision, Workloads others) {
        List<Finding> remarks = findings;
        if (!known.findings().equals(others.findings())) {
            var changed = new ArrayList<>(findings);
            changed.removeAll(known.findings());
            changed.addAll(others.findings());
            remarks = List.copyOf(changed);
        }
        return new PushContext(
                nextRevision,
                services,
                others,
                others.serving(services.values()),
                allocated,
                virtualServices,
                destinationRules,
                gateways,
                sidecars,
                credentials,
                mesh,
                defaults,
                remarks);
    }

    /// Whether every object but the workloads is the same one.
    boolean isSameButForWorkloads(PushContext other) {
        return services == other.services && virtualServices == other.virtualServices;
    }

    /// Fully qualified form of a host as written in an object of `namespace`.
    public static String qualify(String host, String namespace) {
        return host.indexOf('.') >= 0 || host.equals("*") ? host : host + "." + namespace + ".svc.cluster.local";
    }

    /// Whether `host` is what `pattern` says: equal, or a name below `*.`.
    public static boolean covers(String pattern, String host) {
        if (pattern.equals(host) || pattern.equals("*")) {
            return true;
        }
        return pattern.startsWith("*") && host.length() > pattern.length() - 1 && host.endsWith(pattern.substring(1));
    }
}
