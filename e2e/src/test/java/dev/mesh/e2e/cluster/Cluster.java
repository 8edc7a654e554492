package dev.mesh.e2e.cluster;

import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A whole Kubernetes: the one that the environment's `KUBECONFIG` names, else one of our own with two nodes, started
/// with the first test that asks and ended with this JVM, however that ends. All tests of a JVM share it, so each works
/// in namespaces of its own.
public final class Cluster {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final Pattern FORWARDING = Pattern.compile("Forwarding from 127\\.0\\.0\\.1:(\\d+) .*");

    private static @Nullable Cluster shared;

    private final Path kubeconfig;
    private final boolean ours;

    private Cluster(Path kubeconfig, boolean ours) {
        this.kubeconfig = kubeconfig;
        this.ours = ours;
    }

    /// The cluster of this JVM. The first call waits until it is ready.
    ///
    /// @throws IllegalStateException if it does not come up; says why, and what to do
    public static synchronized Cluster shared() {
        if (shared == null) {
            String given = System.getenv("KUBECONFIG");
            shared = given == null || given.isEmpty() ? start() : new Cluster(Path.of(given), false);
        }
        return shared;
    }

    /// Starts our own. `kube up --hold` ends it when its input closes, which the kernel does when this JVM has ended.
    private static Cluster start() {
        Path dir = Path.of("target", "cluster").toAbsolutePath();
        var command = new ArrayList<>(List.of(kube(), "up", "--hold", "--dir", dir.toString()));
        String images = System.getProperty("images", "");
        if (!images.isEmpty()) {
            command.addAll(List.of("--images", images));
        }
        try {
            var process = new ProcessBuilder(command).redirectErrorStream(true).start();
            Runtime.getRuntime().addShutdownHook(new Thread(() -> end(process)));
            var said = new StringBuilder();
            BufferedReader output = process.inputReader();
            for (String line; (line = output.readLine()) != null; ) {
                said.append(line).append('\n');
                if (line.startsWith("Ready ")) {
                    return new Cluster(dir.resolve("kubeconfig"), true);
                }
            }
            throw new IllegalStateException("no cluster to test on:\n" + said);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void end(Process process) {
        process.destroy();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    static String kube() {
        return System.getProperty("kube");
    }

    /// Whether this is our own cluster: its nodes have the images of `-Dimages` and `docker.io/local/probe:1`
    /// (e2e/cluster/probe), and this machine reaches the addresses of its pods and Services.
    public boolean isOurs() {
        return ours;
    }

    /// The file by which an administrator reaches it.
    public Path kubeconfig() {
        return kubeconfig;
    }

    /// `kubectl` as an administrator.
    public Kubectl kubectl() {
        return new Kubectl(kubeconfig);
    }

    /// Runs a program in a node of our own cluster, as root, and gives what it printed.
    ///
    /// @param input what it reads from its input
    /// @throws AssertionError if it failed
    public String onNode(String node, String input, String... command) {
        var words = new ArrayList<>(List.of(
                kube(),
                "node",
                "--dir",
                kubeconfig.resolveSibling(".").normalize().toString(),
                node));
        words.addAll(List.of(command));
        try {
            var process = new ProcessBuilder(words).redirectErrorStream(true).start();
            try (var in = process.getOutputStream()) {
                in.write(input.getBytes(StandardCharsets.UTF_8));
            }
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new AssertionError(String.join(" ", command) + " on " + node + " failed: " + output);
            }
            return output;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted on " + node, e);
        }
    }

    /// Makes a namespace, without what an earlier run may have left in one of that name.
    ///
    /// @param labels as `kubectl label` takes them: `istio-injection=enabled`
    public void createNamespace(String name, String... labels) {
        deleteNamespace(name);
        kubectl().run("create", "namespace", name);
        if (labels.length > 0) {
            kubectl()
                    .run(Stream.concat(Stream.of("label", "namespace", name), Stream.of(labels))
                            .toArray(String[]::new));
        }
        // Pods are refused until the namespace's account is there.
        await().atMost(PATIENCE)
                .until(() -> kubectl()
                                .execute("", "get", "serviceaccount", "default", "-n", name)
                                .status()
                        == 0);
    }

    /// Removes a namespace with all that is in it, and waits until it is gone.
    public void deleteNamespace(String name) {
        kubectl().run("delete", "namespace", name, "--ignore-not-found", "--timeout=120s");
    }

    /// Waits until a Deployment, StatefulSet or DaemonSet is as wished for: `deployment/web`.
    ///
    /// @throws AssertionError if it is not within two minutes
    public void awaitRollout(String namespace, String workload) {
        kubectl().run("rollout", "status", workload, "-n", namespace, "--timeout=" + PATIENCE.toSeconds() + "s");
    }

    /// Waits for a condition, as `kubectl wait --for` spells it: `condition=Ready`.
    ///
    /// @throws AssertionError if it does not come within two minutes
    public void awaitCondition(String namespace, String object, String condition) {
        kubectl().run("wait", object, "-n", namespace, "--for=" + condition, "--timeout=" + PATIENCE.toSeconds() + "s");
    }

    /// Runs a program in a pod, and gives what it printed.
    ///
    /// @param target as `kubectl exec` takes it: `web-0`, `deployment/web`
    /// @throws AssertionError if it failed
    public String exec(String namespace, String target, String container, String... command) {
        return tryExec(namespace, target, container, command).succeeded().output();
    }

    /// Runs a program in a pod that may fail.
    public Kubectl.Result tryExec(String namespace, String target, String container, String... command) {
        var arguments = new ArrayList<>(List.of("exec", "-n", namespace, target, "-c", container, "--"));
        arguments.addAll(List.of(command));
        return kubectl().execute("", arguments.toArray(String[]::new));
    }

    /// What a container has printed so far.
    public String logs(String namespace, String target, String container) {
        return kubectl().run("logs", "-n", namespace, target, "-c", container);
    }

    /// Opens a port of a pod on a free port of loopback, until it is closed.
    ///
    /// @param target as `kubectl port-forward` takes it: `pod/web-0`, `service/web`
    /// @throws IOException if nothing is forwarded; says why
    public PortForward forward(String namespace, String target, int port) throws IOException {
        var process = new ProcessBuilder(kubectl().command("port-forward", "-n", namespace, target, ":" + port))
                .redirectErrorStream(true)
                .start();
        var said = new StringBuilder();
        BufferedReader output = process.inputReader();
        for (String line; (line = output.readLine()) != null; ) {
            said.append(line).append('\n');
            var match = FORWARDING.matcher(line);
            if (match.matches()) {
                Thread.ofVirtual().start(() -> drain(process));
                return new PortForward(process, Integer.parseInt(match.group(1)));
            }
        }
        throw new IOException("no forwarding to " + target + " " + port + ": " + said);
    }

    /// Reads on, so that the program does not stop for want of somebody who does.
    private static void drain(Process process) {
        try (var output = process.getInputStream()) {
            var _ = new String(output.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException _) {
            // It has ended.
        }
    }

    /// A port of loopback that leads to a pod.
    public static final class PortForward implements AutoCloseable {
        private final Process process;
        private final int port;

        private PortForward(Process process, int port) {
            this.process = process;
            this.port = port;
        }

        /// 1-65535
        public int port() {
            return port;
        }

        @Override
        public void close() {
            end(process);
        }
    }
}
