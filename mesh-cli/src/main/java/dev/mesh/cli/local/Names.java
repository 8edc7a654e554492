package dev.mesh.cli.local;

import dev.mesh.api.k8s.AppProtocol;
import dev.mesh.api.k8s.Service;
import dev.mesh.api.local.LocalAddresses;
import dev.mesh.api.networking.ServiceEntry;
import dev.mesh.api.object.MeshObject;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/// The names under which applications find services, and where they lead: for HTTP to the workload's outbound
/// address, for TCP to an address of the service's own. The pilot binds its listeners by the same rules.
final class Names {
    private final List<Known> services = new ArrayList<>();
    private final TreeSet<String> tcpHosts = new TreeSet<>();

    /// A service.
    ///
    /// @param name short, for variables
    /// @param namespace empty: the host is its only name
    private record Known(String host, String name, String namespace, List<KnownPort> ports) {
        private boolean hasHttp() {
            return ports.stream().anyMatch(port -> port.protocol().isHttp());
        }
    }

    private record KnownPort(int number, AppProtocol protocol) {}

    Names(Collection<MeshObject> objects) {
        for (MeshObject object : objects) {
            switch (object.spec()) {
                case Service service ->
                    add(new Known(
                            object.ref().name() + "." + object.ref().namespace() + ".svc.cluster.local",
                            object.ref().name(),
                            object.ref().namespace(),
                            service.ports().stream()
                                    .map(port ->
                                            new KnownPort(port.port(), AppProtocol.of(port.name(), port.appProtocol())))
                                    .toList()));
                case ServiceEntry entry ->
                    entry.hosts().stream()
                            .filter(host -> !host.contains("*"))
                            .forEach(host -> add(new Known(
                                    host,
                                    object.ref().name(),
                                    "",
                                    entry.ports().stream()
                                            .map(port ->
                                                    new KnownPort(port.number(), AppProtocol.of(port.protocol(), "")))
                                            .toList())));
                default -> {}
            }
        }
    }

    private void add(Known service) {
        services.add(service);
        if (service.ports().stream().anyMatch(port -> !port.protocol().isHttp())) {
            tcpHosts.add(service.host());
        }
    }

    /// Lines of the hosts file of an application. A service with HTTP and TCP ports stands there with the address
    /// of its HTTP ports; its TCP ports are in [#variables] only.
    List<String> hosts(String namespace, String outbound) {
        Map<String, String> virtual = LocalAddresses.virtual(outbound, tcpHosts);
        var lines = new ArrayList<String>();
        lines.add("127.0.0.1 localhost");
        for (Known service : services) {
            String address = service.hasHttp() ? outbound : virtual.getOrDefault(service.host(), outbound);
            var names = new StringBuilder(service.host());
            if (!service.namespace().isEmpty()) {
                String qualified = service.name() + "." + service.namespace();
                names.append(' ').append(qualified).append(".svc ").append(qualified);
                if (service.namespace().equals(namespace)) {
                    names.append(' ').append(service.name());
                }
            }
            lines.add(address + " " + names);
        }
        return List.copyOf(lines);
    }

    /// For programs that read no hosts file: `<SERVICE>_URL`, the address to dial, and `<SERVICE>_AUTHORITY`, the
    /// host to ask for, of the first port of each service of the namespace; `<SERVICE>_ADDRESS` for the first that
    /// is not HTTP.
    Map<String, String> variables(String namespace, String outbound) {
        Map<String, String> virtual = LocalAddresses.virtual(outbound, tcpHosts);
        var variables = new TreeMap<String, String>();
        for (Known service : services) {
            if (!service.namespace().equals(namespace)) {
                continue;
            }
            String prefix = service.name().toUpperCase(Locale.ROOT).replace('-', '_');
            service.ports().stream()
                    .filter(port -> port.protocol().isHttp())
                    .findFirst()
                    .ifPresent(port -> {
                        variables.put(prefix + "_URL", "http://" + outbound + ":" + port.number());
                        variables.put(prefix + "_AUTHORITY", service.name() + ":" + port.number());
                    });
            service.ports().stream()
                    .filter(port -> !port.protocol().isHttp())
                    .findFirst()
                    .ifPresent(port -> variables.put(
                            prefix + "_ADDRESS", virtual.getOrDefault(service.host(), outbound) + ":" + port.number()));
        }
        return variables;
    }
}
