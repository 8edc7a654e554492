package dev.mesh.pilot.generate;

import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.api.proto.istio.nds.NameTable.NameInfo;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.Workload;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/// The names that a proxy answers DNS questions for (Istio, `BuildNameTable`): every service that it may call and that
/// has addresses. What is not in the table, an ExternalName Service for one, is asked of the pod's own name servers.
///
/// Istio has one resource for all. Who takes it in parts gets one more for each service, named by its host, so that a
/// change sends no more than what changed.
final class NameTables {
    /// Name of the one resource of its type.
    static final String NAME = "names";

    private static final String KUBERNETES = "Kubernetes";
    private static final String EXTERNAL = "External";

    /// One name.
    ///
    /// @param shortName of a Service, or a pod below it; empty: of no Service
    /// @param namespace likewise
    private record Name(String host, String shortName, String namespace, List<String> addresses) {
        static Name of(ServiceInfo service, String host, String shortName, List<String> addresses) {
            return service.hasShortNames()
                    ? new Name(host, shortName, service.namespace(), addresses)
                    : new Name(host, "", "", addresses);
        }

        NameInfo info() {
            return NameInfo.newBuilder()
                    .addAllIps(addresses)
                    .setRegistry(namespace.isEmpty() ? EXTERNAL : KUBERNETES)
                    .setShortname(shortName)
                    .setNamespace(namespace)
                    .build();
        }
    }

    /// A resource, by its name.
    private record Part(String resource, List<Name> names) {}

    private NameTables() {}

    /// @param services of the proxy's scope
    static void add(ViewBuilder view, Collection<ServiceInfo> services) {
        var whole =
                new ArrayList<Name>(); // who takes parts gets it too, empty: there is a table even without a service
        for (ServiceInfo service : services) {
            List<Name> names = service.headless() ? headless(view, service) : ofService(view, service);
            if (!view.node().namesApart()) {
                whole.addAll(names);
            } else if (!names.isEmpty()) {
                view.add(view.cache().get(new Part(service.host(), names), NameTables::resource));
            }
        }
        view.add(resource(new Part(NAME, whole)));
    }

    private static Resource resource(Part part) {
        var table = NameTable.newBuilder();
        part.names().forEach(name -> table.putTable(name.host(), name.info()));
        return Resource.of(XdsType.NAME_TABLE, part.resource(), table.build());
    }

    private static List<Name> ofService(ViewBuilder view, ServiceInfo service) {
        List<String> addresses = view.addresses(service);
        return addresses.isEmpty()
                ? List.of()
                : List.of(Name.of(service, service.host(), service.name(), List.copyOf(addresses)));
    }

    // As Kubernetes' DNS: the addresses of all that serve, and a name for each that has one.
    private static List<Name> headless(ViewBuilder view, ServiceInfo service) {
        var all = new LinkedHashSet<String>();
        var own = new LinkedHashMap<String, Set<String>>();
        for (Workload workload : view.push().endpoints(service)) {
            if (workload.health() != Workload.Health.UNHEALTHY) {
                List<String> addresses = addresses(view, workload);
                all.addAll(addresses);
                if (!workload.hostname().isEmpty()) {
                    own.computeIfAbsent(workload.hostname(), any -> new LinkedHashSet<>())
                            .addAll(addresses);
                }
            }
        }
        if (all.isEmpty()) {
            return List.of();
        }
        var names = new ArrayList<Name>();
        names.add(Name.of(service, service.host(), service.name(), List.copyOf(all)));
        own.forEach((hostname, addresses) -> names.add(Name.of(
                service, hostname + "." + service.host(), hostname + "." + service.name(), List.copyOf(addresses))));
        return List.copyOf(names);
    }

    // Of both families, those that the proxy has; whoever has the wrong ones alone is there all the same.
    private static List<String> addresses(ViewBuilder view, Workload workload) {
        var spoken = Stream.of(workload.address(), workload.otherAddress())
                .filter(address -> !address.isEmpty() && view.node().speaks(address))
                .toList();
        return spoken.isEmpty() ? List.of(workload.address()) : spoken;
    }
}
