package dev.mesh.cli.command;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.ConfigFolder;
import dev.mesh.cli.client.Failure;
import dev.mesh.cli.local.LocalMesh;
import dev.mesh.cli.local.LocalPlan;
import dev.mesh.cli.local.Log;
import dev.mesh.cli.local.Ports;
import dev.mesh.cli.local.Supervisor;
import dev.mesh.cli.render.Table;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
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
@Command(
        name = "up",
        description = {
            "Runs a whole mesh on this machine from a folder of configuration, until Ctrl-C.",
            "",
            "Starts the pilot, an edge gateway, the applications that LocalProcess objects name, and a sidecar beside each."
                    + " A file that is saved is in effect at once; one with an error keeps what it said before."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  meshctl up examples/shop",
            "  meshctl up examples/shop --xds-port 0 --admin-port 0     # beside another mesh"
        })
public final class Up implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(paramLabel = "FOLDER", description = "Services, routes and LocalProcess objects as YAML.")
    @SuppressWarnings("NullAway.Init") // set by picocli
    private Path folder;

    @Option(
            names = "--xds-port",
            paramLabel = "PORT",
            defaultValue = "15010",
            description = "The pilot's port, 0 for any (default: ${DEFAULT-VALUE}).")
    private int xdsPort;

    @Option(
            names = "--admin-port",
            paramLabel = "PORT",
            defaultValue = "15000",
            description = "The proxies' admin port, each on its own address, 0 for any (default: ${DEFAULT-VALUE}).")
    private int adminPort;

    @Option(
            names = "--edge-port",
            paramLabel = "GATEWAY=LOCAL",
            description = "Where the edge listens for a port of a Gateway, such as 80=8081 (default: that port).")
    private Map<Integer, Integer> edgePorts = new TreeMap<>();

    @Option(
            names = "--grace",
            paramLabel = "SECONDS",
            defaultValue = "8",
            description = "Seconds that processes have to end before they are killed (default: ${DEFAULT-VALUE}).")
    private int grace;

    @Override
    public Integer call() throws IOException, InterruptedException {
        long started = System.nanoTime();
        if (!System.getProperty("os.name", "").equals("Linux")) {
            throw new Failure("up needs Linux: elsewhere 127.0.x.y are no addresses of this machine");
        }
        String home = System.getProperty("mesh.home", "");
        if (home.isEmpty()) {
            throw new Failure(
                    "up is part of the distribution: run bin/meshctl (make build makes target/home/bin/meshctl)");
        }
        var ports = new Ports();
        Path work = Files.createTempDirectory("meshctl-up-");
        int pilot = xdsPort == 0 ? ports.free() : xdsPort;
        int admin = adminPort == 0 ? ports.free() : adminPort;
        var java = Path.of(System.getProperty("java.home"), "bin", "java");
        var setting = new LocalPlan.Setting(
                folder.toAbsolutePath().normalize(),
                work,
                pilot,
                admin,
                Map.of("JAVA", java.toString(), "MESH_HOME", home),
                edgePorts);
        LocalPlan plan;
        try {
            plan = LocalPlan.of(objects(), setting, ports::free);
            Ports.check(plan.bindings());
        } catch (Failure e) {
            delete(work);
            throw e;
        }
        return run(plan, setting, Path.of(home), started);
    }

    private int run(LocalPlan plan, LocalPlan.Setting setting, Path home, long started)
            throws IOException, InterruptedException {
        int width = plan.applications().stream()
                .mapToInt(application -> application.name().length())
                .reduce(8, Math::max);
        var log = new Log(spec.commandLine().getOut(), Table.ansi(spec), width);
        var supervisor = new Supervisor(log, Duration.ofSeconds(grace));
        var stopped = new CountDownLatch(1);
        // Ctrl-C, SIGTERM, and the end of a start that failed all come by here.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            log.say("stopping ...");
            supervisor.close();
            delete(setting.work());
            stopped.countDown();
        }));
        var mesh = new LocalMesh(plan, setting, home, supervisor, log);
        plan.remarks().forEach(log::say);
        log.say("starting the pilot, the edge gateway, " + plan.sidecars().size() + " sidecars and "
                + plan.applications().size() + " applications ...");
        mesh.start();
        mesh.awaitReady();
        var look = new ArrayList<>(List.of(
                "",
                "The mesh is ready after " + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - started) + " ms: "
                        + plan.sidecars().size() + " workloads with a sidecar each, and the edge gateway."));
        plan.urls().forEach(url -> look.add("  open   " + url));
        look.add("  admin  http://127.0.0.1:" + setting.adminPort() + "/ of the edge; of the sidecars:");
        plan.sidecars()
                .forEach(sidecar -> look.add("         http://" + sidecar.adminAddress() + ":" + sidecar.adminPort()
                        + "/ " + sidecar.cluster() + " " + sidecar.labels().getOrDefault("version", "")));
        look.add("  look   meshctl proxy-config routes --admin 127.0.0.1:" + setting.adminPort());
        look.add("  edit   " + folder + ": changes take effect when saved");
        look.add("  logs   below, each line behind its program's name");
        look.add("  stop   Ctrl-C");
        look.add("");
        log.say(String.join(System.lineSeparator(), look));
        stopped.await();
        return 0;
    }

    private List<MeshObject> objects() {
        ConfigFolder listing;
        try {
            listing = ConfigFolder.list(folder);
        } catch (IOException e) {
            throw new Failure(String.valueOf(e.getMessage()));
        }
        var objects = new ArrayList<MeshObject>();
        var errors = new ArrayList<String>();
        listing.unreadable().forEach((file, why) -> errors.add(file + ": " + why));
        for (Path file : listing.files()) {
            var result = Sources.read(file);
            objects.addAll(result.objects());
            result.findings().stream()
                    .filter(finding -> finding.severity() == Finding.Severity.ERROR)
                    .forEach(finding -> errors.add(finding.toString()));
        }
        if (!errors.isEmpty()) {
            throw new Failure(String.join("\n         ", errors));
        }
        if (listing.files().isEmpty()) {
            throw new Failure(folder + ": no file ends in .yaml, .yml or .json");
        }
        return objects;
    }

    private static void delete(Path work) {
        try (var files = Files.walk(work)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            // A temporary folder that stays behind harms nobody.
            return;
        }
    }
}
