package dev.mesh.cli.local;

import dev.mesh.api.local.LocalAddresses;
import dev.mesh.api.local.LocalProcess;
import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.WorkloadEntry;
import dev.mesh.api.object.MeshObject;
import dev.mesh.cli.client.Failure;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntSupplier;
import java.util.stream.Collectors;

/// What a folder asks to be run: a proxy for each workload, one for the gateways, and the applications. Pure but
/// for the ports it is given.
///
/// @param edge the gateway's proxy
/// @param urls where the gateways' HTTP ports can be opened
/// @param bindings the fixed ports that must be free
/// @param remarks what the user should know before it runs
public record LocalPlan(
        ProxyBootstrap edge,
        List<ProxyBootstrap> sidecars,
        List<Application> applications,
        List<String> urls,
        List<Binding> bindings,
        List<String> remarks) {

    private static final int PILOT_PORT = 15010;
    // The pilot's, where it has its usual port.
    private static final int METRICS_PORT = 15014;

    /// Where the plan is to run.
    ///
    /// @param folder that the configuration was read from
    /// @param work for files of this run
    /// @param variables `${NAME}` in commands, beside those of the process's own environment
    /// @param edgePorts port of a Gateway → port that the edge listens on for it; one that is not in it is itself
    public record Setting(
            Path folder,
            Path work,
            int pilotPort,
            int adminPort,
            Map<String, String> variables,
            Map<Integer, Integer> edgePorts) {}

    /// One application.
    ///
    /// @param hosts lines of its hosts file
    /// @param ready all must pass
    public record Application(
            String name,
            List<String> command,
            Map<String, String> environment,
            Path directory,
            Path hostsFile,
            List<String> hosts,
            List<Probe> ready,
            Duration patience,
            LocalProcess.RestartPolicy restart) {}

    /// A port that something of the mesh listens on.
    ///
    /// @param use what it is for, in words
    public record Binding(String address, int port, String use) {}

    /// @param freePort gives a port that nobody listens on
    /// @throws Failure with the place of what is wrong
    public static LocalPlan of(Collection<MeshObject> objects, Setting setting, IntSupplier freePort) {
        var workloads = new TreeMap<String, MeshObject>();
        var processes = new ArrayList<MeshObject>();
        var urls = new ArrayList<String>();
        var bindings = new ArrayList<Binding>();
        bindings.add(new Binding("127.0.0.1", setting.pilotPort(), "the pilot's port; --xds-port takes another"));
        if (setting.pilotPort() == PILOT_PORT) {
            bindings.add(new Binding("127.0.0.1", METRICS_PORT, "the pilot's metrics; --xds-port takes others"));
        }
        bindings.add(
                new Binding("127.0.0.1", setting.adminPort(), "the edge's admin port; --admin-port takes another"));
        var remarks = new ArrayList<String>();
        var gatewayPorts = new TreeSet<Integer>();
        var edgeLabels = new TreeMap<String, String>();
        if (hasUsualGateway(objects)) {
            edgeLabels.put("istio", "ingressgateway");
        }
        for (MeshObject object : objects) {
            switch (object.spec()) {
                case WorkloadEntry ignored ->
                    workloads.put(object.ref().namespace() + "/" + object.ref().name(), object);
                case LocalProcess ignored -> processes.add(object);
                case Gateway gateway -> {
                    var labels = new TreeMap<>(edgeLabels);
                    gateway.selector().forEach(labels::putIfAbsent);
                    if (labels.entrySet().containsAll(gateway.selector().entrySet())) {
                        edgeLabels.putAll(labels);
                        gateway.servers()
                                .forEach(
                                        server -> gatewayPorts.add(server.port().number()));
                        gateways(object, gateway, setting, urls, bindings);
                    } else {
                        remarks.add(object.positions().of("spec.selector") + ": " + object.ref() + ": selects "
                                + gateway.selector() + ", and the edge is labelled " + edgeLabels
                                + ": nothing listens for it");
                    }
                }
                default -> {}
            }
        }
        var gatewayOf = new TreeMap<Integer, Integer>();
        gatewayPorts.forEach(port -> {
            int local = setting.edgePorts().getOrDefault(port, port);
            Integer other = gatewayOf.put(local, port);
            if (other != null) {
                throw new Failure("--edge-port: ports " + other + " and " + port + " of the Gateways both become port "
                        + local + " of 127.0.0.1 (expected: one each)");
            }
        });
        setting.edgePorts().keySet().forEach(port -> {
            if (!gatewayPorts.contains(port)) {
                throw new Failure(
                        "--edge-port " + port + "=" + setting.edgePorts().get(port) + ": no Gateway has port " + port
                                + " (expected: one of " + gatewayPorts + ")");
            }
        });
        // Nothing that an application listens on may be one of these: it would answer in the other's place.
        var fixed = bindings.stream().map(Binding::port).collect(Collectors.toSet());
        var names = new Names(objects);
        var sidecars = new ArrayList<ProxyBootstrap>();
        var applications = new ArrayList<Application>();
        for (MeshObject object : processes) {
            var process = (LocalProcess) object.spec();
            MeshObject workload = workload(object, process, workloads);
            var entry = (WorkloadEntry) workload.spec();
            var ports = new TreeMap<String, Integer>();
            var applicationPorts = new LinkedHashMap<Integer, Integer>();
            new TreeMap<>(entry.ports()).forEach((name, port) -> {
                int free = freePort.getAsInt();
                while (fixed.contains(free)) {
                    free = freePort.getAsInt();
                }
                ports.put(name, free);
                applicationPorts.put(port, free);
                bindings.add(new Binding(
                        entry.address(),
                        port,
                        "of " + workload.ref() + ", " + workload.positions().of("spec.ports")));
            });
            String outbound = LocalAddresses.outbound(entry.address());
            sidecars.add(sidecar(workload, entry, outbound, applicationPorts, setting));
            applications.add(application(object, process, workload, ports, names, outbound, setting));
        }
        var edge = new ProxyBootstrap(
                "router~127.0.0.1~edge.mesh-system~mesh-system.svc.cluster.local",
                "edge.mesh-system",
                "mesh-system",
                edgeLabels,
                setting.edgePorts().isEmpty() ? Map.of() : Map.of("MESH_APPLICATION_PORTS", texts(setting.edgePorts())),
                "127.0.0.1",
                setting.adminPort(),
                setting.pilotPort());
        return new LocalPlan(
                edge, sidecars, applications, List.copyOf(urls), List.copyOf(bindings), List.copyOf(remarks));
    }

    // The edge has the label of Istio's own gateway, unless all Gateways are for one with another.
    private static boolean hasUsualGateway(Collection<MeshObject> objects) {
        var labels = objects.stream()
                .filter(object -> object.spec() instanceof Gateway)
                .map(object -> ((Gateway) object.spec()).selector().getOrDefault("istio", "ingressgateway"))
                .toList();
        return labels.isEmpty() || labels.contains("ingressgateway");
    }

    private static void gateways(
            MeshObject object, Gateway gateway, Setting setting, List<String> urls, List<Binding> bindings) {
        for (int i = 0; i < gateway.servers().size(); i++) {
            var port = gateway.servers().get(i).port();
            int local = setting.edgePorts().getOrDefault(port.number(), port.number());
            String use = "of " + object.ref() + ", " + object.positions().of("spec.servers[" + i + "].port");
            if (bindings.stream().noneMatch(known -> known.port() == local)) {
                bindings.add(new Binding("127.0.0.1", local, use + "; --edge-port takes another"));
            }
            String url = "http://127.0.0.1:" + local + "/";
            if (port.protocol().toUpperCase(Locale.ROOT).equals("HTTP") && !urls.contains(url)) {
                urls.add(url);
            }
        }
    }

    private static MeshObject workload(MeshObject object, LocalProcess process, Map<String, MeshObject> workloads) {
        String namespace = object.ref().namespace();
        String name = process.workload().isEmpty() ? object.ref().name() : process.workload();
        MeshObject workload = workloads.get(namespace + "/" + name);
        if (workload == null) {
            throw wrong(
                    object,
                    "spec.workload",
                    "\"" + name + "\" (expected: a WorkloadEntry of namespace " + namespace + ")");
        }
        String address = ((WorkloadEntry) workload.spec()).address();
        if (!LocalAddresses.isWorkload(address)) {
            throw wrong(workload, "spec.address", address + " (expected: 127.0.x.y with x from 1 to 255)");
        }
        return workload;
    }

    private static Application application(
            MeshObject object,
            LocalProcess process,
            MeshObject workload,
            TreeMap<String, Integer> ports,
            Names names,
            String outbound,
            Setting setting) {
        String namespace = object.ref().namespace();
        var environment = new TreeMap<String, String>();
        ports.forEach((name, port) ->
                environment.put("PORT_" + name.toUpperCase(Locale.ROOT).replace('-', '_'), Integer.toString(port)));
        int main = port(object, "spec.port", process.port(), process.port(), ports);
        if (main != 0) {
            environment.put("PORT", Integer.toString(main));
        }
        environment.putAll(names.variables(namespace, outbound));
        Path hostsFile = setting.work().resolve(namespace + "-" + object.ref().name() + ".hosts");
        environment.put("HOSTS_FILE", hostsFile.toString());
        environment.put("WORKLOAD", workload.ref().name());
        var variables = new TreeMap<>(setting.variables());
        variables.putAll(environment);
        new TreeMap<>(process.env()).forEach((name, value) -> {
            String replaced = replaced(object, "spec.env." + name, value, variables);
            environment.put(name, replaced);
        });
        variables.putAll(environment);
        var command = new ArrayList<String>();
        for (int i = 0; i < process.command().size(); i++) {
            command.add(replaced(
                    object, "spec.command[" + i + "]", process.command().get(i), variables));
        }
        if (command.isEmpty()) {
            throw wrong(object, "spec.command", "[] (expected: a program and its arguments)");
        }
        var ready = process.ready();
        Duration patience = ready == null ? null : ready.timeout();
        return new Application(
                object.ref().name(),
                List.copyOf(command),
                environment,
                setting.folder().resolve(process.directory()).normalize(),
                hostsFile,
                names.hosts(namespace, outbound),
                probes(object, process, ports),
                Objects.requireNonNullElse(patience, Duration.ofSeconds(30)),
                process.restart());
    }

    private static List<Probe> probes(MeshObject object, LocalProcess process, TreeMap<String, Integer> ports) {
        var ready = process.ready();
        return switch (ready == null ? null : ready.probe()) {
            case null ->
                ports.values().stream()
                        .<Probe>map(port -> new Probe.Tcp("127.0.0.1", port))
                        .toList();
            case LocalProcess.Probe.Http(var get) ->
                List.of(new Probe.Http(
                        "127.0.0.1",
                        port(object, "spec.ready.httpGet.port", get.port(), process.port(), ports),
                        get.path().startsWith("/") ? get.path() : "/" + get.path(),
                        ""));
            case LocalProcess.Probe.Tcp(var tcp) ->
                List.of(new Probe.Tcp(
                        "127.0.0.1", port(object, "spec.ready.tcp.port", tcp.port(), process.port(), ports)));
        };
    }

    // The port that a name means; 0 if there is none at all.
    private static int port(
            MeshObject object, String path, String name, String otherwise, TreeMap<String, Integer> ports) {
        String meant = name.isEmpty() ? otherwise : name;
        if (meant.isEmpty()) {
            return ports.isEmpty() ? 0 : ports.firstEntry().getValue();
        }
        Integer port = ports.get(meant);
        if (port == null) {
            throw wrong(
                    object, path, "\"" + meant + "\" (expected: a port of the WorkloadEntry: " + ports.keySet() + ")");
        }
        return port;
    }

    private static String replaced(MeshObject object, String path, String text, Map<String, String> variables) {
        Variables.unknown(text, variables).ifPresent(name -> {
            throw wrong(object, path, "${" + name + "} (expected: one of " + variables.keySet() + ", or $$ for $)");
        });
        return Variables.replace(text, variables);
    }

    private static Failure wrong(MeshObject object, String path, String what) {
        return new Failure(object.positions().of(path) + ": " + object.ref() + ": " + path + ": " + what);
    }

    private static ProxyBootstrap sidecar(
            MeshObject workload, WorkloadEntry entry, String outbound, Map<Integer, Integer> ports, Setting setting) {
        String namespace = workload.ref().namespace();
        return new ProxyBootstrap(
                "sidecar~" + entry.address() + "~" + workload.ref().name() + "." + namespace + "~" + namespace
                        + ".svc.cluster.local",
                entry.labels().getOrDefault("app", workload.ref().name()) + "." + namespace,
                namespace,
                entry.labels(),
                Map.of("MESH_OUTBOUND_ADDRESS", outbound, "MESH_APPLICATION_PORTS", texts(ports)),
                entry.address(),
                setting.adminPort(),
                setting.pilotPort());
    }

    // JSON's names are text.
    private static Map<String, Object> texts(Map<Integer, Integer> ports) {
        var texts = new TreeMap<String, Object>();
        ports.forEach((port, local) -> texts.put(Integer.toString(port), local));
        return texts;
    }
}
