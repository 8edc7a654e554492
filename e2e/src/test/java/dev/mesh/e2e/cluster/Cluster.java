package dev.mesh.e2e.cluster;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A whole Kubernetes: the one that the environment's `KUBECONFIG` names, else one of our own with two nodes, started
/// with the first test that asks and ended with this JVM, however that ends. All tests of a JVM share it, so each works
/// in namespaces of its own. Those are marked, and in another's cluster no namespace without the mark is touched.
public final class Cluster {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final String MARK = "mesh.dev/e2e";
    private static final String PROBE = "docker.io/local/probe:1";
    private static final String IMAGE_STATES = "jsonpath={range .items[*]}{.spec.nodeName}"
            + "{range .status.containerStatuses[*]}{\"\\t\"}{.image} {.state.waiting.reason} {.state.waiting.message}{end}"
            + "{\"\\n\"}{end}";
    private static final Pattern IMAGE_MISSING =
            Pattern.compile(" (ErrImage|ImagePull|InvalidImageName|ErrImageNeverPull)");
    private static final Pattern FORWARDING = Pattern.compile("Forwarding from 127\\.0\\.0\\.1:(\\d+) .*");

    private static @Nullable Cluster shared;

    private final Path kubeconfig;
    private final boolean ours;
    private final Set<String> images = new HashSet<>(); // that all nodes have

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
            shared = given == null || given.isEmpty() ? start() : new Cluster(flat(), false);
        }
        return shared;
    }

    /// What `KUBECONFIG` says, which may be several files with paths in them, as one file that is whole in itself.
    private static Path flat() {
        try {
            Path file = Files.createTempFile("kubeconfig", "");
            file.toFile().deleteOnExit();
            var process = new ProcessBuilder(kube(), "kubectl", "config", "view", "--raw", "--flatten", "--minify")
                    .directory(ROOT.toFile())
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .redirectOutput(file.toFile())
                    .start();
            if (process.waitFor() != 0) {
                throw new IllegalStateException("KUBECONFIG=" + System.getenv("KUBECONFIG") + " names no cluster");
            }
            return file;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while reading KUBECONFIG", e);
        }
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

    /// Leaves a test out in another's cluster.
    ///
    /// @param reason what it does that only our own cluster stands
    public void assumeOurs(String reason) {
        assumeTrue(ours, reason);
    }

    /// Whether all nodes have `docker.io/local/probe:1`, or can get it.
    ///
    /// @throws IllegalStateException if not; says what to do
    public void requireProbe() {
        requireImages(PROBE);
    }

    /// Has every node of another's cluster that takes pods get images, before tests wait for pods that never start.
    ///
    /// @throws IllegalStateException if one cannot be had; says which, where and why, and what to do
    public void requireImages(String... names) {
        if (ours || !images.addAll(List.of(names))) {
            return;
        }
        String namespace = "mesh-e2e-images";
        createNamespace(namespace);
        try {
            kubectl()
                    .execute(probing(List.of(names)), "apply", "-n", namespace, "-f", "-")
                    .succeeded();
            List<String> states = await().atMost(PATIENCE)
                    .until(
                            () -> kubectl()
                                    .run("get", "pods", "-n", namespace, "-o", IMAGE_STATES)
                                    .lines()
                                    .toList(),
                            said -> !said.isEmpty()
                                    && said.size() == nodesOf(namespace)
                                    && said.stream().allMatch(node -> node.split("\t", -1).length == names.length + 1)
                                    && said.stream().noneMatch(node -> node.contains("ContainerCreating")));
            String missing = states.stream().flatMap(Cluster::missing).collect(Collectors.joining("\n"));
            if (!missing.isEmpty()) {
                images.removeAll(List.of(names));
                throw new IllegalStateException(
                        "images of these tests cannot be had in the cluster of KUBECONFIG (`make images` makes those of"
                                + " the mesh, `$(./scripts/kube) probe-image TAR` the probe's; give them to all nodes):\n"
                                + missing);
            }
        } finally {
            deleteNamespace(namespace);
        }
    }

    /// Pods of all nodes with containers that only have to be made: their program is none of the images'.
    private static String probing(List<String> names) {
        var containers = new StringBuilder();
        for (int i = 0; i < names.size(); i++) {
            containers.append(
                    "      - {name: image-%03d, image: \"%s\", command: [/none]}\n".formatted(i, names.get(i)));
        }
        return """
                apiVersion: apps/v1
                kind: DaemonSet
                metadata: {name: images}
                spec:
                  selector: {matchLabels: {app: images}}
                  template:
                    metadata: {labels: {app: images}}
                    spec:
                      terminationGracePeriodSeconds: 0
                      containers:
                """ + containers;
    }

    private int nodesOf(String namespace) {
        return Integer.parseInt(kubectl()
                .run("get", "daemonset", "images", "-n", namespace, "-o", "jsonpath={.status.desiredNumberScheduled}"));
    }

    /// A sentence for each image that a node has not got.
    private static Stream<String> missing(String node) {
        String[] fields = node.split("\t", -1);
        return Stream.of(fields)
                .skip(1)
                .filter(image -> IMAGE_MISSING.matcher(image).find())
                .map(image -> fields[0] + ": " + image);
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
    /// @throws IllegalStateException if it is there, and somebody else's
    public void createNamespace(String name, String... labels) {
        deleteNamespace(name);
        if (exists("namespace", name)) {
            throw new IllegalStateException("namespace " + name + " is in the cluster of KUBECONFIG without the label "
                    + MARK + ": it is not of these tests, which need one of that name, and stays as it is");
        }
        kubectl().run("create", "namespace", name);
        kubectl()
                .run(Stream.concat(Stream.of("label", "namespace", name, MARK + "=true"), Stream.of(labels))
                        .toArray(String[]::new));
        // Pods are refused until the namespace's account is there.
        await().atMost(PATIENCE)
                .until(() -> kubectl()
                                .execute("", "get", "serviceaccount", "default", "-n", name)
                                .status()
                        == 0);
    }

    /// Removes a namespace with all that is in it, and waits until it is gone. In another's cluster: if it is one of
    /// these tests'.
    public void deleteNamespace(String name) {
        if (ours || isOfTests(name)) {
            kubectl().run("delete", "namespace", name, "--ignore-not-found", "--timeout=120s");
        }
    }

    /// Whether a namespace is there that these tests have made, now or in an earlier run.
    boolean isOfTests(String namespace) {
        return !kubectl()
                .run("get", "namespace", "-l", MARK, "--field-selector=metadata.name=" + namespace, "-o", "name")
                .isBlank();
    }

    /// Whether there is an object: `exists("namespace", "web")`.
    boolean exists(String kind, String name, String... arguments) {
        return kubectl()
                        .execute(
                                "",
                                Stream.concat(Stream.of("get", kind, name), Stream.of(arguments))
                                        .toArray(String[]::new))
                        .status()
                == 0;
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
