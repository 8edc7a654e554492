package dev.mesh.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The cluster itself does what the mesh needs of one.
@OnCluster
@SuppressWarnings("NullAway.Init") // set by JUnit
class NodesClusterTest {
    private static final String NAMESPACE = "nodes-test";
    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final String ITS_NODES = "asks how the nodes of our own cluster are made";
    private static final String WEB = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web}
            spec:
              replicas: 2
              selector: {matchLabels: {app: web}}
              template:
                metadata: {labels: {app: web}}
                spec:
                  topologySpreadConstraints:
                  - maxSkew: 1
                    topologyKey: kubernetes.io/hostname
                    whenUnsatisfiable: DoNotSchedule
                    labelSelector: {matchLabels: {app: web}}
                  containers:
                  - name: web
                    image: docker.io/local/probe:1
                    args: [serve]
                    ports: [{containerPort: 8080}]
                    readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: web}
            spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
            """;

    private static Cluster cluster;

    @BeforeAll
    static void deploys() {
        cluster = Cluster.shared();
        cluster.requireProbe();
        cluster.createNamespace(NAMESPACE);
        cluster.kubectl().execute(WEB, "apply", "-n", NAMESPACE, "-f", "-").succeeded();
        cluster.awaitRollout(NAMESPACE, "deployment/web");
    }

    @AfterAll
    static void removes() {
        if (cluster != null) {
            cluster.deleteNamespace(NAMESPACE);
        }
    }

    @Test
    void twoNodesAreReadyEachInAZoneOfItsOwn() {
        cluster.assumeOurs(ITS_NODES);
        assertThat(cluster.kubectl()
                        .run(
                                "get",
                                "nodes",
                                "-o",
                                "jsonpath={range .items[*]}{.metadata.name} "
                                        + "{.metadata.labels.topology\\.kubernetes\\.io/zone} "
                                        + "{.status.conditions[?(@.type==\"Ready\")].status}{\"\\n\"}{end}")
                        .lines())
                .containsExactly("node1 zone1 True", "node2 zone2 True");
    }

    @Test
    void podsOfBothNodesAnswerUnderTheNameOfTheirService() {
        cluster.assumeOurs(ITS_NODES);
        Set<String> answered = new HashSet<>();
        await().atMost(PATIENCE).untilAsserted(() -> {
            answered.add(get("http://web." + NAMESPACE + ".svc.cluster.local/")
                    .lines()
                    .findFirst()
                    .orElseThrow());
            assertThat(answered).hasSize(2);
        });
        assertThat(cluster.kubectl()
                        .run(
                                "get",
                                "pods",
                                "-n",
                                NAMESPACE,
                                "-l",
                                "app=web",
                                "-o",
                                "jsonpath={.items[*].spec.nodeName}")
                        .split(" "))
                .containsExactlyInAnyOrder("node1", "node2");
    }

    @Test
    void aPodOfTheOtherNodeSeesTheCallersOwnAddress() {
        cluster.assumeOurs(ITS_NODES);
        List<String> addresses = List.of(cluster.kubectl()
                .run("get", "pods", "-n", NAMESPACE, "-l", "app=web", "-o", "jsonpath={.items[*].status.podIP}")
                .split(" "));
        String from = cluster.kubectl()
                .run("get", "pods", "-n", NAMESPACE, "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}");
        assertThat(cluster.exec(NAMESPACE, from, "web", "/probe", "get", "http://" + addresses.get(1) + ":8080/"))
                .contains("from: " + addresses.get(0) + ":");
    }

    @Test
    void thisMachineReachesServicesAndForwardedPorts() throws IOException {
        cluster.assumeOurs(ITS_NODES);
        String address =
                cluster.kubectl().run("get", "service", "web", "-n", NAMESPACE, "-o", "jsonpath={.spec.clusterIP}");
        assertThat(read("http://" + address + "/")).startsWith("host: web-");
        try (var forward = cluster.forward(NAMESPACE, "service/web", 80)) {
            assertThat(read("http://127.0.0.1:" + forward.port() + "/")).startsWith("host: web-");
        }
    }

    @Test
    void aNativeSidecarServesBeforeTheApplicationStarts() {
        cluster.kubectl().execute("""
                apiVersion: v1
                kind: Pod
                metadata: {name: native}
                spec:
                  restartPolicy: Never
                  initContainers:
                  - name: sidecar
                    image: docker.io/local/probe:1
                    args: [serve, ":9090"]
                    restartPolicy: Always
                    startupProbe: {httpGet: {port: 9090}, periodSeconds: 1}
                  containers:
                  - {name: app, image: "docker.io/local/probe:1", args: [get, "http://127.0.0.1:9090/"]}
                """, "apply", "-n", NAMESPACE, "-f", "-").succeeded();
        cluster.awaitCondition(NAMESPACE, "pod/native", "jsonpath={.status.phase}=Succeeded");
        assertThat(cluster.logs(NAMESPACE, "native", "app")).startsWith("host: native");
    }

    @Test
    void aPodsTokenForTheMeshSaysWhichPodHoldsIt() {
        String pod = cluster.kubectl()
                .run("get", "pods", "-n", NAMESPACE, "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}");
        String token = cluster.kubectl()
                .run(
                        "create",
                        "token",
                        "default",
                        "-n",
                        NAMESPACE,
                        "--audience=istio-ca",
                        "--bound-object-kind=Pod",
                        "--bound-object-name=" + pod)
                .strip();
        assertThat(cluster.kubectl()
                        .execute(
                                """
                                apiVersion: authentication.k8s.io/v1
                                kind: TokenReview
                                spec: {token: "%s", audiences: [istio-ca]}
                                """.formatted(token),
                                "create",
                                "-f",
                                "-",
                                "-o",
                                "jsonpath={.status.user.username} "
                                        + "{.status.user.extra.authentication\\.kubernetes\\.io/pod-name[0]}")
                        .succeeded()
                        .output())
                .isEqualTo("system:serviceaccount:" + NAMESPACE + ":default " + pod);
    }

    @Test
    void evidenceHasTheLogsOfEveryPod(@TempDir Path folder) throws IOException {
        cluster.assumeOurs(ITS_NODES);
        Evidence.gather(cluster, folder);
        assertThat(folder.resolve("objects.txt")).content().contains("node/node1", "service/web");
        try (var pods = Files.list(folder.resolve(NAMESPACE))) {
            assertThat(pods.filter(pod -> pod.getFileName().toString().startsWith("web-")))
                    .hasSize(2)
                    .allSatisfy(pod ->
                            assertThat(pod.resolve("describe.txt")).content().contains("Readiness:"))
                    .allSatisfy(pod -> assertThat(pod.resolve("logs.txt")).exists());
        }
    }

    private static String get(String url) {
        return cluster.exec(NAMESPACE, "deployment/web", "web", "/probe", "get", url);
    }

    private static String read(String url) throws IOException {
        try (var body = URI.create(url).toURL().openStream()) {
            return new String(body.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
