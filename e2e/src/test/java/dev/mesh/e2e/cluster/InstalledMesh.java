package dev.mesh.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The mesh in the shared cluster: installed from `charts/mesh` by the first test that asks, with the images of
/// `-Dimages`.
/// All tests of a JVM share it. In another's cluster, a mesh that is there is used as it is, and stays; else it is
/// installed there with images that the nodes have or can get, and taken out again after the last test.
public final class InstalledMesh {
    /// Where the pilot and the gateway are.
    public static final String NAMESPACE = "mesh-system";

    /// The charts of this checkout.
    public static final Path CHARTS = Path.of("..", "charts").toAbsolutePath().normalize();

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private static @Nullable InstalledMesh shared;

    private final Cluster cluster;
    private final boolean ours; // nobody's but these tests'
    private final Set<String> kindsBefore;
    private final String gateway;
    private final int port;
    private final Cluster.@Nullable PortForward forward;
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(PATIENCE)
            .build();

    private InstalledMesh(Cluster cluster, boolean ours, Set<String> kindsBefore) {
        this.cluster = cluster;
        this.ours = ours;
        this.kindsBefore = kindsBefore;
        String address = cluster.kubectl()
                .run(
                        "get",
                        "service",
                        "ingressgateway",
                        "-n",
                        NAMESPACE,
                        "-o",
                        "jsonpath={.status.loadBalancer.ingress[0].ip}{.status.loadBalancer.ingress[0].hostname}");
        if (cluster.isOurs() || !address.isEmpty()) {
            assertThat(address).as("the gateway's external address").isNotEmpty();
            gateway = address;
            port = 80;
            forward = null;
        } else {
            try {
                forward = cluster.forward(NAMESPACE, "service/ingressgateway", 80);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            gateway = "127.0.0.1";
            port = forward.port();
        }
    }

    /// The mesh of this JVM's cluster. The first call waits until it is ready; a test that cannot have one is left out.
    ///
    /// @throws IllegalStateException if another's cluster cannot have it; says why, and what to do
    public static synchronized InstalledMesh shared() {
        if (shared == null) {
            assumeTrue(!System.getProperty("helm", "").isEmpty(), "needs -Dhelm");
            Cluster cluster = Cluster.shared();
            boolean found = cluster.exists("deployment", "mesh-pilot", "-n", NAMESPACE);
            if (!cluster.isOurs()) {
                refuseIstio(cluster);
            }
            boolean ours = !found || cluster.isOfTests(NAMESPACE);
            Set<String> kinds = kinds(cluster);
            if (!found) {
                install(cluster);
            }
            shared = new InstalledMesh(cluster, ours, kinds);
        }
        return shared;
    }

    private static void install(Cluster cluster) {
        if (cluster.isOurs()) {
            assumeTrue(!System.getProperty("images", "").isEmpty(), "needs -Dimages");
        } else {
            cluster.requireImages(
                    "docker.io/mesh/pilot:dev",
                    "docker.io/mesh/proxy:dev",
                    "docker.io/mesh/shop:dev",
                    "docker.io/local/probe:1");
            cluster.createNamespace(NAMESPACE);
        }
        new Helm(cluster.kubeconfig())
                .run(
                        "install",
                        "mesh",
                        CHARTS.resolve("mesh").toString(),
                        "-n",
                        NAMESPACE,
                        "--create-namespace",
                        "--wait",
                        "--timeout=3m");
    }

    /// Namespaces of these tests have Istio's labels, which its injector would follow as well.
    private static void refuseIstio(Cluster cluster) {
        String injectors = cluster.kubectl()
                .run("get", "mutatingwebhookconfigurations", "-l", "app=sidecar-injector", "-o", "name");
        if (injectors.contains("istio-sidecar-injector")) {
            throw new IllegalStateException("Istio injects sidecars in the cluster of KUBECONFIG (" + injectors.strip()
                    + "): these tests need one without");
        }
    }

    private static Set<String> kinds(Cluster cluster) {
        return cluster.kubectl()
                .run("get", "crd", "-l", "app.kubernetes.io/part-of=mesh", "-o", "name")
                .lines()
                .collect(Collectors.toSet());
    }

    /// Takes out of another's cluster what the first call of [#shared] has put there; kinds, too, that nobody has
    /// begun to use.
    static synchronized void end() {
        if (shared == null) {
            return;
        }
        InstalledMesh mesh = shared;
        shared = null;
        if (mesh.forward != null) {
            mesh.forward.close();
        }
        if (mesh.ours && !mesh.cluster.isOurs()) {
            new Helm(mesh.cluster.kubeconfig())
                    .run("uninstall", "mesh", "-n", NAMESPACE, "--ignore-not-found", "--wait");
            mesh.cluster.deleteNamespace(NAMESPACE);
            kinds(mesh.cluster).stream()
                    .filter(kind -> !mesh.kindsBefore.contains(kind) && mesh.isUnused(kind))
                    .forEach(kind -> mesh.cluster.kubectl().run("delete", kind));
        }
    }

    private boolean isUnused(String kind) {
        return cluster.kubectl()
                .run("get", kind.substring(kind.indexOf('/') + 1), "-A", "-o", "name")
                .isBlank();
    }

    /// Leaves a test out that would stop or change a mesh which was there before.
    public void assumeOurs(String reason) {
        assumeTrue(ours, reason);
    }

    public Cluster cluster() {
        return cluster;
    }

    /// `http://<address of the ingress gateway>`
    public String gateway() {
        return "http://" + gateway + (port == 80 ? "" : ":" + port);
    }

    /// Leaves a test out that replaces the gateway's pod while it asks, where only a forwarded port leads to it.
    public void assumeGatewayHasAnAddress() {
        assumeTrue(forward == null, "needs an external address of Service ingressgateway");
    }

    /// Applies a file of YAML as it is.
    public void apply(Path file) {
        cluster.kubectl().run("apply", "-f", file.toString());
    }

    /// The pods of a namespace's Deployments are there, and ready.
    public void awaitDeployments(String namespace) {
        cluster.kubectl()
                .run("wait", "--for=condition=Available", "deployment", "--all", "-n", namespace, "--timeout=180s");
    }

    /// What is answered at an address.
    ///
    /// @param headers names and values in turn
    public HttpResponse<String> get(String url, String... headers) {
        try {
            var request = HttpRequest.newBuilder(URI.create(url)).timeout(PATIENCE);
            if (headers.length > 0) {
                request.headers(headers);
            }
            return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while asking " + url, e);
        }
    }

    /// The status of the answer, or why there is none.
    public String status(String url) {
        try {
            return Integer.toString(get(url).statusCode());
        } catch (UncheckedIOException e) {
            return e.getCause() instanceof ConnectException ? "not connected" : e.toString();
        }
    }

    /// The status of the gateway's answer to a host's name, or why there is none.
    public String statusOf(String host, String path) {
        // The JDK's client takes no `host` of ours; a socket does.
        try (var socket = new Socket(gateway, port)) {
            socket.setSoTimeout((int) PATIENCE.toMillis());
            socket.getOutputStream()
                    .write(("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            var status = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII))
                    .readLine();
            return status == null ? "no answer" : status.replaceFirst("HTTP/1.1 (\\d+).*", "$1");
        } catch (IOException e) {
            return e.toString();
        }
    }

    /// Waits until a path of the gateway answers 200.
    public void awaitRoute(String path) {
        await().atMost(Duration.ofMinutes(1))
                .untilAsserted(() -> assertThat(status(gateway() + path)).isEqualTo("200"));
    }

    /// Runs meshctl of `-Dhome` as the cluster's administrator, with nothing said of where the pilot is.
    public Kubectl.Result meshctl(String... arguments) {
        var command = new ArrayList<>(List.of(System.getProperty("home") + "/bin/meshctl"));
        command.addAll(List.of(arguments));
        try {
            Path errors = Files.createTempFile("meshctl", ".err");
            try {
                var builder = new ProcessBuilder(command).redirectError(errors.toFile());
                builder.environment().put("KUBECONFIG", cluster.kubeconfig().toString());
                builder.environment()
                        .put(
                                "MESH_KUBECTL",
                                Path.of(Cluster.kube())
                                        .resolveSibling("kubectl")
                                        .toString());
                builder.environment().put("MESH_HELM", System.getProperty("helm"));
                var process = builder.start();
                process.getOutputStream().close();
                String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                int status = process.waitFor();
                return new Kubectl.Result(command, status, output, Files.readString(errors));
            } finally {
                Files.delete(errors);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted in meshctl", e);
        }
    }
}
