package dev.mesh.e2e.cluster;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.LifecycleMethodExecutionExceptionHandler;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;
import org.opentest4j.TestAbortedException;

/// What is known of the cluster when a test fails, written before the test tidies up, into a folder
/// `target/e2e-failures/<class>.<test>`:
///
///     failure.txt                             what failed
///     objects.txt                             pods, workloads, Services and events of all namespaces (of our own
/// cluster)
///     <namespace>/<pod>/describe.txt, logs.txt, previous.txt
///     <namespace>/<pod>/config_dump.json, clusters.txt, stats.txt      of the proxy in it
///     <namespace>/<pod>/syncz.txt, configz.txt, registryz.txt, findings.txt, health.txt, metrics.txt    of a pilot
///
/// Kubernetes' own namespaces are left out; of another's cluster all but those of the tests.
///
/// After the last test, what the tests have put into another's cluster is taken out.
public final class Evidence
        implements BeforeAllCallback, TestExecutionExceptionHandler, LifecycleMethodExecutionExceptionHandler {
    private static final Path REPORTS = Path.of("target", "surefire-reports");
    private static final Path FOLDER = Path.of("target", "e2e-failures");
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    /// A file and the path it is got from.
    private record Question(String file, int port, String path) {}

    private static final List<Question> OF_A_PROXY = List.of(
            new Question("config_dump.json", 15000, "/config_dump"),
            new Question("clusters.txt", 15000, "/clusters"),
            new Question("stats.txt", 15000, "/stats"));

    private static final List<Question> OF_A_PILOT = List.of(
            new Question("syncz.txt", 15014, "/debug/syncz"),
            new Question("configz.txt", 15014, "/debug/configz"),
            new Question("registryz.txt", 15014, "/debug/registryz"),
            new Question("findings.txt", 15014, "/debug/findings"),
            new Question("health.txt", 15014, "/health/readiness"),
            new Question("metrics.txt", 15014, "/metrics"));

    @Override
    public void beforeAll(ExtensionContext context) throws IOException {
        Files.deleteIfExists(reason(context));
        context.getRoot()
                .getStore(ExtensionContext.Namespace.create(InstalledMesh.class))
                .computeIfAbsent("end", _ -> (AutoCloseable) InstalledMesh::end);
    }

    @Override
    public void handleTestExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        keep(context, failure);
    }

    @Override
    public void handleBeforeAllMethodExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        if (failure instanceof TestAbortedException) {
            Files.createDirectories(REPORTS);
            Files.writeString(reason(context), String.valueOf(failure.getMessage()));
        }
        keep(context, failure);
    }

    // Of a class that is left out as a whole, reports say nothing: scripts/left-out reads it.
    private static Path reason(ExtensionContext context) {
        return REPORTS.resolve(context.getRequiredTestClass().getSimpleName() + ".left-out");
    }

    @Override
    public void handleBeforeEachMethodExecutionException(ExtensionContext context, Throwable failure) throws Throwable {
        keep(context, failure);
    }

    /// Gathers, and fails as the test did. A test that is left out has not failed.
    private static void keep(ExtensionContext context, Throwable failure) throws Throwable {
        if (failure instanceof TestAbortedException) {
            throw failure;
        }
        try {
            String name = context.getRequiredTestClass().getSimpleName()
                    + context.getTestMethod()
                            .map(method -> "." + method.getName())
                            .orElse("");
            Path folder = FOLDER.resolve(name);
            gather(Cluster.shared(), folder);
            Files.writeString(folder.resolve("failure.txt"), failure.toString());
            System.err.println("What is known of the cluster: " + folder.toAbsolutePath());
        } catch (IOException | RuntimeException | Error e) {
            failure.addSuppressed(e);
        }
        throw failure;
    }

    /// Writes all that is known into a folder. What cannot be had is written as the reason why.
    static void gather(Cluster cluster, Path folder) throws IOException {
        Files.createDirectories(folder);
        Kubectl kubectl = cluster.kubectl();
        if (cluster.isOurs()) {
            write(folder.resolve("objects.txt"), kubectl, "get", "nodes,all,endpointslices,events", "-A", "-o", "wide");
        }
        String pods = kubectl.run(
                "get",
                "pods",
                "-A",
                "-o",
                "jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name} "
                        + "{.spec.containers[*].name} {.spec.initContainers[*].name}{\"\\n\"}{end}");
        for (String pod : pods.lines().toList()) {
            List<String> words = List.of(pod.split(" "));
            String namespace = words.getFirst();
            if (cluster.isOurs() ? !namespace.startsWith("kube-") : cluster.isOfTests(namespace)) {
                gatherPod(cluster, folder, words);
            }
        }
    }

    /// @param words namespace and name of a pod, then the names of its containers
    private static void gatherPod(Cluster cluster, Path folder, List<String> words) throws IOException {
        String namespace = words.get(0);
        String pod = words.get(1);
        List<String> containers = words.subList(2, words.size());
        Path home = Files.createDirectories(folder.resolve(namespace).resolve(pod));
        Kubectl kubectl = cluster.kubectl();
        write(home.resolve("describe.txt"), kubectl, "describe", "pod", pod, "-n", namespace);
        write(home.resolve("logs.txt"), kubectl, "logs", pod, "-n", namespace, "--all-containers", "--prefix");
        if (!kubectl.execute("", "get", "pod", pod, "-n", namespace, "-o", "jsonpath={..restartCount}")
                .output()
                .matches("[0 ]*")) {
            write(
                    home.resolve("previous.txt"),
                    kubectl,
                    "logs",
                    pod,
                    "-n",
                    namespace,
                    "--all-containers",
                    "--prefix",
                    "--previous");
        }
        if (containers.contains("istio-proxy")) {
            ask(cluster, namespace, pod, home, OF_A_PROXY);
        }
        if (containers.contains("pilot")) {
            ask(cluster, namespace, pod, home, OF_A_PILOT);
        }
    }

    private static void write(Path file, Kubectl kubectl, String... arguments) throws IOException {
        Kubectl.Result result = kubectl.execute("", arguments);
        Files.writeString(file, result.output() + result.errors());
    }

    private static void ask(Cluster cluster, String namespace, String pod, Path home, List<Question> questions)
            throws IOException {
        for (Question question : questions) {
            String answer;
            try (var forward = cluster.forward(namespace, "pod/" + pod, question.port());
                    var client =
                            HttpClient.newBuilder().connectTimeout(PATIENCE).build()) {
                var uri = URI.create("http://127.0.0.1:" + forward.port() + question.path());
                answer = client.send(
                                HttpRequest.newBuilder(uri).timeout(PATIENCE).build(),
                                HttpResponse.BodyHandlers.ofString())
                        .body();
            } catch (IOException e) {
                answer = e.toString();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
            Files.writeString(home.resolve(question.file()), answer);
        }
    }
}
