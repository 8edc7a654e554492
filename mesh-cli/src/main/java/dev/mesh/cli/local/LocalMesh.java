package dev.mesh.cli.local;

import com.google.gson.JsonParser;
import dev.mesh.api.local.LocalProcess.RestartPolicy;
import dev.mesh.cli.client.Dump;
import dev.mesh.cli.client.Failure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;

/// A plan that runs: starts everything at once, and waits until all of it is ready.
public final class LocalMesh {
    private static final Duration PROXIES = Duration.ofSeconds(60);
    private static final long WORTH_TELLING_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final LocalPlan plan;
    private final LocalPlan.Setting setting;
    private final Path home;
    private final Supervisor supervisor;
    private final Log log;
    private final List<Part> parts = new ArrayList<>();

    /// One process, and what says that it is ready.
    private record Part(Supervisor.Child child, Map<String, Probe> waiting, long deadline) {}

    /// @param home of the distribution
    public LocalMesh(LocalPlan plan, LocalPlan.Setting setting, Path home, Supervisor supervisor, Log log) {
        this.plan = plan;
        this.setting = setting;
        this.home = home;
        this.supervisor = supervisor;
        this.log = log;
    }

    /// Starts all processes; does not wait.
    public void start() throws IOException {
        long now = System.nanoTime();
        start(
                "pilot",
                List.of(
                        program("mesh-pilot"),
                        "--folder",
                        setting.folder().toString(),
                        "--xds-port",
                        Integer.toString(setting.pilotPort())),
                Map.of("pilot", new Probe.Tcp("127.0.0.1", setting.pilotPort())));
        if (!plan.sidecars().isEmpty()) {
            // All in one process: a proxy is an object without static state.
            start("sidecars", proxy(plan.sidecars()), ready(plan.sidecars()));
        }
        start("edge", proxy(List.of(plan.edge())), ready(List.of(plan.edge())));
        for (var application : plan.applications()) {
            Files.write(application.hostsFile(), application.hosts());
            if (!Files.isDirectory(application.directory())) {
                throw new Failure(application.name() + ": " + application.directory() + " is no folder");
            }
            var child = supervisor.start(new Supervisor.Program(
                    application.name(),
                    application.command(),
                    application.environment(),
                    application.directory(),
                    application.restart()));
            var probes = new LinkedHashMap<String, Probe>();
            for (Probe probe : application.ready()) {
                probes.put(application.name() + " " + probes.size(), probe);
            }
            parts.add(new Part(child, probes, now + application.patience().toNanos()));
        }
    }

    private void start(String name, List<String> command, Map<String, Probe> ready) {
        var child = supervisor.start(new Supervisor.Program(name, command, Map.of(), null, RestartPolicy.Always));
        parts.add(new Part(child, new LinkedHashMap<>(ready), System.nanoTime() + PROXIES.toNanos()));
    }

    /// Waits until everything is ready, and says every two seconds what is not.
    ///
    /// @throws Failure if a process has ended meanwhile, takes longer than it may, or cannot listen where it should
    public void awaitReady() throws InterruptedException {
        long since = System.nanoTime();
        long told = since;
        while (true) {
            var missing = new TreeSet<String>();
            for (Part part : parts) {
                String name = part.child().name();
                if (part.child().ended().isPresent()) {
                    throw new Failure(name + " has ended with status "
                            + part.child().ended().getAsInt() + " before the mesh was ready; its last lines are above");
                }
                part.waiting().values().removeIf(Probe::passes);
                if (!part.waiting().isEmpty()) {
                    missing.add(name);
                    if (System.nanoTime() - part.deadline() > 0) {
                        throw new Failure(name + " is not ready in time: "
                                + part.waiting().values().iterator().next());
                    }
                }
            }
            if (missing.isEmpty()) {
                checkListeners();
                return;
            }
            long now = System.nanoTime();
            if (now - told > WORTH_TELLING_NANOS) {
                told = now;
                log.say("starting, " + TimeUnit.NANOSECONDS.toSeconds(now - since) + " s: waiting for "
                        + String.join(", ", missing));
            }
            TimeUnit.MILLISECONDS.sleep(25);
        }
    }

    // A proxy is ready without a listener that it cannot bind, and then another program answers in its place.
    private void checkListeners() {
        var refused = new ArrayList<String>();
        refused(plan.edge(), refused);
        plan.sidecars().forEach(sidecar -> refused(sidecar, refused));
        if (!refused.isEmpty()) {
            throw new Failure(String.join("\n         ", refused));
        }
    }

    private static void refused(ProxyBootstrap proxy, List<String> refused) {
        var dump = new Probe.Http(proxy.adminAddress(), proxy.adminPort(), "/config_dump?mask=dynamic_listeners", "");
        dump.answer()
                .ifPresent(text -> new Dump(JsonParser.parseString(text))
                        .refusedListeners()
                        .forEach((listener, why) ->
                                refused.add(proxy.cluster() + " does not listen: listener " + listener + ": " + why)));
    }

    private List<String> proxy(List<ProxyBootstrap> bootstraps) throws IOException {
        var command = new ArrayList<>(List.of(program("mesh-proxy"), "--concurrency", "1"));
        for (ProxyBootstrap bootstrap : bootstraps) {
            Path file = setting.work().resolve(bootstrap.nodeId() + ".json");
            command.add("-c");
            command.add(Files.writeString(file, bootstrap.json()).toString());
        }
        return command;
    }

    private static Map<String, Probe> ready(List<ProxyBootstrap> bootstraps) {
        var probes = new LinkedHashMap<String, Probe>();
        for (ProxyBootstrap bootstrap : bootstraps) {
            probes.put(
                    bootstrap.nodeId(),
                    new Probe.Http(bootstrap.adminAddress(), bootstrap.adminPort(), "/ready", "LIVE"));
        }
        return probes;
    }

    private String program(String name) {
        return home.resolve("bin").resolve(name).toString();
    }
}
