package dev.mesh.cli.local;

import dev.mesh.api.k8s.Service;
import dev.mesh.api.local.LocalAddresses;
import dev.mesh.api.local.LocalProcess;
import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.WorkloadEntry;
import dev.mesh.api.object.MeshObject;
import dev.mesh.cli.client.Failure;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntSupplier;

/// What a folder asks to be run: a proxy for each workload, one for the gateways, and the applications. Pure but
/// for the ports it is given.
///
/// @param edge the gateway's proxy; its admin endpoint is 127.0.0.1:15000
/// @param urls where the gateways' HTTP ports can be opened
public record LocalPlan(
        ProxyBootstrap edge, List<ProxyBootstrap> sidecars, List<Application> applications, List<String> urls) {

    /// One application.
    ///
    /// @param hosts lines of its hosts file
    public record Application(
            String name, List<String> command, Map<String, String> environment, List<String> hosts, boolean restart) {}

    /// @param freePort gives a port that nobody listens on
    /// @param variables replaced in commands: `${NAME}`
    public static LocalPlan of(
            Collection<MeshObject> objects, int pilotPort, IntSupplier freePort, Map<String, String> variables) {
        var services = new ArrayList<MeshObject>();
        var workloads = new TreeMap<String, MeshObject>();
        var processes = new ArrayList<MeshObject>();
        var urls = new ArrayList<String>();
        var edgeLabels = new TreeMap<String, String>();
        edgeLabels.put("istio", "ingressgateway");
        for (MeshObject object : objects) {
            switch (object.spec()) {
                case Service ignored -> services.add(object);
                case WorkloadEntry ignored ->
                    workloads.put(object.ref().namespace() + "/" + object.ref().name(), object);
                case LocalProcess ignored -> processes.add(object);
                case Gateway gateway -> {
                    edgeLabels.putAll(gateway.selector());
                    gateway.servers().stream()
                            .filter(server -> server.port()
                                    .protocol()
                                    .toUpperCase(Locale.ROOT)
                                    .startsWith("HTTP"))
                            .forEach(server ->
                                    urls.add("http://127.0.0.1:" + server.port().number() + "/"));
                }
                default -> {}
            }
        }
        var sidecars = new ArrayList<ProxyBootstrap>();
        var applications = new ArrayList<Application>();
        for (MeshObject object : processes) {
            var process = (LocalProcess) object.spec();
            String namespace = object.ref().namespace();
            MeshObject workload = workloads.get(namespace + "/" + process.workload());
            if (workload == null) {
                throw new Failure(object.positions().of("spec.workload") + ": " + object.ref() + ": spec.workload: \""
                        + process.workload() + "\" (expected: a WorkloadEntry of namespace " + namespace + ")");
            }
            var entry = (WorkloadEntry) workload.spec();
            if (!LocalAddresses.isWorkload(entry.address())) {
                throw new Failure(workload.positions().of("spec.address") + ": " + workload.ref() + ": spec.address: "
                        + entry.address() + " (expected: 127.0.x.y with x from 1 to 255)");
            }
            var ports = new LinkedHashMap<Integer, Integer>();
            var environment = new TreeMap<String, String>();
            new TreeMap<>(entry.ports()).forEach((name, port) -> {
                int free = freePort.getAsInt();
                ports.put(port, free);
                environment.put("PORT_" + name.toUpperCase(Locale.ROOT).replace('-', '_'), Integer.toString(free));
                environment.putIfAbsent("PORT", Integer.toString(free));
            });
            String outbound = LocalAddresses.outbound(entry.address());
            sidecars.add(sidecar(workload, entry, outbound, ports, pilotPort));
            var hosts = new ArrayList<String>();
            environment.putAll(urlsOf(services, namespace, outbound, hosts));
            process.env().forEach((name, value) -> environment.put(name, replaced(value, variables)));
            environment.put("WORKLOAD", workload.ref().name());
            applications.add(new Application(
                    object.ref().name(),
                    process.command().stream()
                            .map(word -> replaced(word, variables))
                            .toList(),
                    environment,
                    hosts,
                    process.restart() != LocalProcess.RestartPolicy.Never));
        }
        var edge = new ProxyBootstrap(
                "router~127.0.0.1~edge.mesh-system~mesh-system.svc.cluster.local",
                "edge.mesh-system",
                "mesh-system",
                edgeLabels,
                Map.of(),
                "127.0.0.1",
                15000,
                pilotPort);
        return new LocalPlan(edge, sidecars, applications, urls);
    }

    private static ProxyBootstrap sidecar(
            MeshObject workload, WorkloadEntry entry, String outbound, Map<Integer, Integer> ports, int pilotPort) {
        String namespace = workload.ref().namespace();
        var applicationPorts = new TreeMap<String, Object>();
        ports.forEach((port, free) -> applicationPorts.put(Integer.toString(port), free));
        return new ProxyBootstrap(
                "sidecar~" + entry.address() + "~" + workload.ref().name() + "." + namespace + "~" + namespace
                        + ".svc.cluster.local",
                entry.labels().getOrDefault("app", workload.ref().name()) + "." + namespace,
                namespace,
                entry.labels(),
                Map.of("MESH_OUTBOUND_ADDRESS", outbound, "MESH_APPLICATION_PORTS", applicationPorts),
                entry.address(),
                15000,
                pilotPort);
    }

    // Every service under its ordinary names: in the hosts file, and as a URL of an address with the host beside it.
    private static Map<String, String> urlsOf(
            List<MeshObject> services, String namespace, String outbound, List<String> hosts) {
        var variables = new TreeMap<String, String>();
        for (MeshObject object : services) {
            var service = (Service) object.spec();
            String name = object.ref().name();
            String host = name + "." + object.ref().namespace() + ".svc.cluster.local";
            hosts.add(outbound + " " + host + " " + name + "." + object.ref().namespace()
                    + (object.ref().namespace().equals(namespace) ? " " + name : ""));
            if (object.ref().namespace().equals(namespace) && !service.ports().isEmpty()) {
                String prefix = name.toUpperCase(Locale.ROOT).replace('-', '_');
                int port = service.ports().getFirst().port();
                variables.put(prefix + "_URL", "http://" + outbound + ":" + port);
                variables.put(prefix + "_AUTHORITY", name + ":" + port);
            }
        }
        return variables;
    }

    private static String replaced(String text, Map<String, String> variables) {
        String result = text;
        for (var variable : variables.entrySet()) {
            result = result.replace("${" + variable.getKey() + "}", variable.getValue());
        }
        return result;
    }
}
