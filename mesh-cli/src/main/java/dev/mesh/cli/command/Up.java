package dev.mesh.cli.command;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.cli.client.AdminClient;
import dev.mesh.cli.client.Failure;
import dev.mesh.cli.local.LocalPlan;
import dev.mesh.cli.local.Log;
import dev.mesh.cli.local.ProxyBootstrap;
import dev.mesh.cli.local.Supervisor;
import dev.mesh.cli.render.Table;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `meshctl up FOLDER`: a whole mesh on this machine, until Ctrl-C.
@Command(name = "up", description = "Runs a whole mesh on this machine from a folder of configuration, until Ctrl-C.")
public final class Up implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(paramLabel = "FOLDER", description = "Services, routes and LocalProcess objects as YAML.")
    @SuppressWarnings("NullAway.Init") // set by picocli
    private Path folder;

    @Option(names = "--xds-port", defaultValue = "15010", description = "The pilot's port (default: ${DEFAULT-VALUE}).")
    private int xdsPort;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (!System.getProperty("os.name", "").equals("Linux")) {
            throw new Failure("up needs Linux: elsewhere 127.0.x.y are no addresses of this machine");
        }
        String home = System.getProperty("mesh.home", "");
        if (home.isEmpty()) {
            throw new Failure(
                    "up is part of the distribution: run bin/meshctl (make build makes target/home/bin/meshctl)");
        }
        var variables = Map.of(
                "JAVA",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "EXAMPLES",
                Path.of(home, "lib", "examples") + "/*");
        LocalPlan plan = LocalPlan.of(objects(), xdsPort, Up::freePort, variables);
        Path work = Files.createTempDirectory("meshctl-up-");
        var out = spec.commandLine().getOut();
        int width = plan.applications().stream()
                .mapToInt(application -> application.name().length())
                .reduce(8, Math::max);
        var log = new Log(out, Table.ansi(spec), width);
        var supervisor = new Supervisor(log, Duration.ofSeconds(8));
        var stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            log.say("stopping ...");
            supervisor.close();
            delete(work);
            stopped.countDown();
        }));
        long started = System.nanoTime();
        start(home, plan, work, supervisor);
        awaitReady(plan, log);
        log.say("");
        log.say("The mesh is ready after " + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - started) + " ms: "
                + plan.sidecars().size() + " workloads with a sidecar each, and the edge gateway.");
        plan.urls().forEach(url -> log.say("  open   " + url));
        log.say("  look   meshctl proxy-config routes --admin 127.0.0.1:15000");
        log.say("  edit   " + folder + ": changes take effect when saved");
        log.say("  stop   Ctrl-C");
        log.say("");
        stopped.await();
        return 0;
    }

    private List<MeshObject> objects() throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new Failure(folder + ": not a folder");
        }
        var objects = new ArrayList<MeshObject>();
        var errors = new ArrayList<String>();
        List<Path> files;
        try (var found = Files.walk(folder)) {
            files = found.filter(file -> file.toString().matches(".*\\.(yaml|yml|json)"))
                    .sorted()
                    .toList();
        }
        for (Path file : files) {
            var result = ObjectReader.read(file.toString(), Files.readString(file));
            objects.addAll(result.objects());
            result.findings().stream()
                    .filter(finding -> finding.severity() == Finding.Severity.ERROR)
                    .forEach(finding -> errors.add(finding.toString()));
        }
        if (!errors.isEmpty()) {
            throw new Failure(String.join("\n         ", errors));
        }
        return objects;
    }

    private void start(String home, LocalPlan plan, Path work, Supervisor supervisor) throws IOException {
        supervisor.start(new Supervisor.Program(
                "pilot",
                List.of(
                        home + "/bin/mesh-pilot",
                        "--folder",
                        folder.toString(),
                        "--xds-port",
                        Integer.toString(xdsPort)),
                Map.of(),
                true));
        supervisor.start(new Supervisor.Program(
                "edge",
                List.of(home + "/bin/mesh-proxy", "--concurrency", "1", "-c", write(work, "edge", plan.edge())),
                Map.of(),
                true));
        var sidecars = new ArrayList<>(List.of(home + "/bin/mesh-proxy", "--concurrency", "1"));
        for (int i = 0; i < plan.sidecars().size(); i++) {
            sidecars.add("-c");
            sidecars.add(write(work, "sidecar-" + i, plan.sidecars().get(i)));
        }
        if (!plan.sidecars().isEmpty()) {
            supervisor.start(new Supervisor.Program("sidecars", sidecars, Map.of(), true));
        }
        for (var application : plan.applications()) {
            Path hosts = Files.write(work.resolve(application.name() + ".hosts"), application.hosts());
            var environment = new TreeMap<>(application.environment());
            environment.put("HOSTS_FILE", hosts.toString());
            supervisor.start(new Supervisor.Program(
                    application.name(), application.command(), environment, application.restart()));
        }
    }

    private static String write(Path work, String name, ProxyBootstrap bootstrap) throws IOException {
        return Files.writeString(work.resolve(name + ".json"), bootstrap.json()).toString();
    }

    private static void awaitReady(LocalPlan plan, Log log) throws InterruptedException {
        var waiting = new ArrayList<>(plan.sidecars());
        waiting.add(plan.edge());
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!waiting.isEmpty()) {
            waiting.removeIf(Up::isReady);
            if (System.nanoTime() > deadline) {
                log.problem(
                        "meshctl", "not ready after 60 s: " + waiting.getFirst().nodeId());
                return;
            }
            TimeUnit.MILLISECONDS.sleep(50);
        }
    }

    private static boolean isReady(ProxyBootstrap proxy) {
        try {
            return new AdminClient(proxy.adminAddress() + ":" + proxy.adminPort())
                    .get("/ready")
                    .startsWith("LIVE");
        } catch (Failure e) {
            return false;
        }
    }

    private static int freePort() {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new Failure("no free port on 127.0.0.1 (" + e.getMessage() + ")");
        }
    }

    private static void delete(Path work) {
        try (var files = Files.walk(work)) {
            for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            // A temporary folder that stays behind harms nobody.
            return;
        }
    }
}
