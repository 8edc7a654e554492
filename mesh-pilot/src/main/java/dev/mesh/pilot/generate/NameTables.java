package dev.mesh.pilot.generate;

import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.api.proto.istio.nds.NameTable.NameInfo;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.model.Workload;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;

/// The names that a proxy answers DNS questions for (Istio, `BuildNameTable`): every service that it may call and that
/// has addresses. What is not in the table, an ExternalName Service for one, is asked of the pod's own name servers.
final class NameTables {
    /// Name of the one resource of its type.
    static final String NAME = "names";

    private static final String KUBERNETES = "Kubernetes";
    private static final String EXTERNAL = "External";

    private NameTables() {}

    /// @param services of the proxy's scope
    static Resource of(ViewBuilder view, Collection<ServiceInfo> services) {
        var table = NameTable.newBuilder();
        for (ServiceInfo service : services) {
            if (service.headless()) {
                headless(view, service, table);
            } else {
                List<String> addresses = view.addresses(service);
                if (!addresses.isEmpty()) {
                    table.putTable(service.host(), info(service, service.name(), addresses));
                }
            }
        }
        return Resource.of(XdsType.NAME_TABLE, NAME, table.build());
    }

    // As Kubernetes' DNS: the addresses of all that serve, and a name for each that has one.
    private static void headless(ViewBuilder view, ServiceInfo service, NameTable.Builder table) {
        List<Workload> serving = view.push().endpoints(service).stream()
                .filter(workload -> workload.health() != Workload.Health.UNHEALTHY)
                .toList();
        if (serving.isEmpty()) {
            return;
        }
        table.putTable(
                service.host(),
                info(
                        service,
                        service.name(),
                        serving.stream()
                                .flatMap(workload -> addresses(view, workload))
                                .distinct()
                                .toList()));
        for (Workload workload : serving) {
            if (!workload.hostname().isEmpty()) {
                String own = workload.hostname() + "." + service.host();
                NameInfo known = table.getTableOrDefault(own, NameInfo.getDefaultInstance());
                var all = Stream.concat(known.getIpsList().stream(), addresses(view, workload))
                        .distinct()
                        .toList();
                table.putTable(own, info(service, workload.hostname() + "." + service.name(), all));
            }
        }
    }

    // Of both families, those that the proxy has; whoever has the wrong ones alone is there all the same.
    private static Stream<String> addresses(ViewBuilder view, Workload workload) {
        var spoken = Stream.of(workload.address(), workload.otherAddress())
                .filter(address -> !address.isEmpty() && view.node().speaks(address))
                .toList();
        return spoken.isEmpty() ? Stream.of(workload.address()) : spoken.stream();
    }

    private static NameInfo info(ServiceInfo service, String shortName, List<String> addresses) {
        var info = NameInfo.newBuilder().addAllIps(addresses);
        return service.hasShortNames()
                ? info.setRegistry(KUBERNETES)
                        .setShortname(shortName)
                        .setNamespace(service.namespace())
                        .build()
                : info.setRegistry(EXTERNAL).build();
    }
}
