package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.e2e.cluster.Cluster;
import dev.mesh.e2e.cluster.Helm;
import dev.mesh.e2e.cluster.InstalledMesh;
import dev.mesh.e2e.cluster.OnCluster;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/// The life of an installation on real nodes: its own tests, an upgrade under load, a second revision beside it to
/// which
/// a namespace moves and from which it moves back, and that one's end.
@OnCluster
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@SuppressWarnings("NullAway.Init") // set by JUnit
class HelmClusterTest {
    private static final String NAMESPACE = "helm-test";
    private static final String SYSTEM = InstalledMesh.NAMESPACE;
    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final String ROUTED = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web}
            spec:
              selector: {matchLabels: {app: web}}
              template:
                metadata: {labels: {app: web}}
                spec:
                  containers:
                  - name: web
                    image: docker.io/local/probe:1
                    args: [serve]
                    lifecycle: {preStop: {sleep: {seconds: 3}}}
                    readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: web}
            spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: web}
            spec:
              selector: {istio: ingressgateway}
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [helm-test.example.com]
            ---
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: web}
            spec:
              hosts: [helm-test.example.com]
              gateways: [web]
              http: [{route: [{destination: {host: web}}]}]
            """;

    private static InstalledMesh mesh;
    private static Cluster cluster;
    private static Helm helm;
    private static Set<String> canariesBefore = Set.of();

    @BeforeAll
    static void opens() {
        mesh = InstalledMesh.shared();
        cluster = mesh.cluster();
        mesh.assumeOurs("upgrades the mesh");
        cluster.requireProbe();
        helm = new Helm(cluster.kubeconfig());
        canariesBefore = canaries();
        cluster.createNamespace(NAMESPACE, "istio.io/rev=default");
        cluster.kubectl().execute(ROUTED, "apply", "-n", NAMESPACE, "-f", "-").succeeded();
        mesh.awaitDeployments(NAMESPACE);
        await().atMost(PATIENCE).until(() -> asked().equals("200"));
    }

    @AfterAll
    static void closes() {
        if (cluster != null) {
            cluster.deleteNamespace(NAMESPACE);
        }
    }

    @Test
    @Order(1)
    void theChartsOwnTestsPass() {
        assertThat(helm.run("test", "mesh", "-n", SYSTEM)).contains("ingressgateway-test", "mesh-pilot-test");
    }

    @Test
    @Order(2)
    void anUpgradeFailsNoRequestAndItsReplicasAnswerAsOne() throws InterruptedException {
        mesh.assumeGatewayHasAnAddress();
        try (var load = new Load(2, HelmClusterTest::asked)) {
            assertThat(mesh.meshctl(
                                    "upgrade",
                                    "--set",
                                    "mesh-pilot.autoscaling.minReplicas=2",
                                    "--set",
                                    "ingress.podAnnotations.upgraded=yes")
                            .succeeded()
                            .output())
                    .contains("mesh-pilot");
            cluster.awaitRollout(SYSTEM, "deployment/ingressgateway");
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(cluster.kubectl()
                                    .run("get", "pods", "-n", SYSTEM, "-l", "app=mesh-pilot", "-o", "name"))
                            .hasLineCount(2));
            cluster.awaitRollout(SYSTEM, "deployment/mesh-pilot");
            assertThat(load.end()).as("of %s requests", load.requests()).isEmpty();
        }
        assertThat(connected("default")).contains("web-", "ingressgateway-");
        helm.run("rollback", "mesh", "1", "-n", SYSTEM, "--wait");
        assertThat(cluster.kubectl()
                        .run("get", "deployment", "mesh-pilot", "-n", SYSTEM, "-o", "jsonpath={.spec.replicas}"))
                .as("what an autoscaler has scaled stays")
                .matches("[12]");
    }

    @Test
    @Order(3)
    void aNamespaceMovesToASecondRevisionAndBack() throws InterruptedException {
        helm.run(
                "install",
                "canary",
                InstalledMesh.CHARTS.resolve("mesh-pilot").toString(),
                "-n",
                SYSTEM,
                "--set",
                "revision=canary",
                "--wait",
                "--timeout=3m");
        try (var load = new Load(2, HelmClusterTest::asked)) {
            for (String revision : List.of("canary", "default")) {
                cluster.kubectl().run("label", "namespace", NAMESPACE, "istio.io/rev=" + revision, "--overwrite");
                cluster.kubectl().run("rollout", "restart", "deployment/web", "-n", NAMESPACE);
                cluster.awaitRollout(NAMESPACE, "deployment/web");
                await().atMost(PATIENCE)
                        .untilAsserted(() -> assertThat(cluster.kubectl()
                                        .run(
                                                "get",
                                                "pods",
                                                "-n",
                                                NAMESPACE,
                                                "-o",
                                                "jsonpath={.items[*].metadata.annotations.istio\\.io/rev}"))
                                .isEqualTo(revision));
                await().atMost(PATIENCE)
                        .untilAsserted(() -> assertThat(connected(revision)).contains("web-"));
            }
            assertThat(load.end()).as("of %s requests", load.requests()).isEmpty();
        }
    }

    @Test
    @Order(4)
    void anEndedRevisionLeavesNothingAndTakesNothingAlong() {
        helm.run("uninstall", "canary", "-n", SYSTEM, "--wait");
        // Its pod has some seconds to end.
        await().atMost(PATIENCE).untilAsserted(() -> assertThat(canaries()).isEqualTo(canariesBefore));
        assertThat(asked()).isEqualTo("200");
        assertThat(connected("default")).contains("web-");
    }

    /// What is called so; in another's cluster, others may have some.
    private static Set<String> canaries() {
        return cluster.kubectl()
                .run(
                        "get",
                        "all,configmaps,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings,"
                                + "mutatingwebhookconfigurations,validatingwebhookconfigurations",
                        "-A",
                        "-o",
                        "jsonpath={range .items[*]}{.kind} {.metadata.namespace} {.metadata.name}{\"\\n\"}{end}")
                .lines()
                .filter(line -> line.contains("canary"))
                .collect(Collectors.toSet());
    }

    private static String asked() {
        return mesh.statusOf("helm-test.example.com", "/");
    }

    private static String connected(String revision) {
        return mesh.meshctl("proxy-status", "--revision", revision).succeeded().output();
    }
}
