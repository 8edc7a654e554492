package dev.mesh.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/// The mesh with the node agent: its pods need no privilege, wait for the agent when it is away, and the nodes are as
/// they were when it is gone. A pilot of a revision of its own, so that another mesh may be there.
@OnCluster
@OnOwnServers
@TestMethodOrder(MethodOrderer.OrderAnnotation.class) // the last one uninstalls
@SuppressWarnings("NullAway.Init") // set by JUnit
class NodeAgentClusterTest {
    private static final String SYSTEM = "mesh-system";
    private static final String SHOP = "shop-restricted";
    private static final String MARKED = "node-agent-tproxy";
    private static final String TPROXY = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: marked}
            spec:
              selector: {matchLabels: {app: marked}}
              template:
                metadata:
                  labels: {app: marked}
                  annotations: {sidecar.istio.io/interceptionMode: TPROXY}
                spec:
                  containers:
                  - {name: app, image: "docker.io/local/probe:1", args: [serve], ports: [{containerPort: 8080}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: marked}
            spec: {ipFamilyPolicy: PreferDualStack, selector: {app: marked}, ports: [{name: http, port: 80, targetPort: 8080}]}
            """;
    private static final String RELEASE = "node-agent-test";
    private static final List<String> NODES = List.of("node1", "node2");
    private static final Duration PATIENCE = Duration.ofMinutes(3);
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    // What the page of a product asks.
    private static final List<String> APPLICATIONS = List.of("storefront", "catalog", "reviews-v1", "stock");
    private static final Pattern DEPLOYMENT = Pattern.compile("kind: Deployment\nmetadata: \\{name: ([^,}]+)");
    private static Cluster cluster;
    private static Map<String, String> nodesBefore;

    @BeforeAll
    static void installs() throws IOException {
        assumeTrue(!System.getProperty("helm", "").isEmpty(), "needs -Dhelm");
        assumeTrue(!System.getProperty("images", "").isEmpty(), "needs -Dimages");
        cluster = Cluster.shared();
        nodesBefore = nodes();
        new Helm(cluster.kubeconfig())
                .run(
                        "install",
                        RELEASE,
                        ROOT.resolve("charts/mesh").toString(),
                        "-n",
                        SYSTEM,
                        "--create-namespace",
                        "--set=global.nodeAgent.enabled=true,ingress.enabled=false,mesh-pilot.revision=node-agent",
                        "--set=mesh-pilot.resources.requests.cpu=50m",
                        "--set=global.proxy.resources.requests.cpu=10m",
                        "--wait",
                        "--timeout=4m");
        cluster.createNamespace(SHOP, "istio.io/rev=node-agent", "pod-security.kubernetes.io/enforce=restricted");
        String manifest = Stream.of(Files.readString(ROOT.resolve("examples/kubernetes/shop.yaml"))
                        .split("\n---\n"))
                .filter(each -> !each.contains("kind: Namespace") && wanted(each))
                .map(each -> each.replace("namespace: shop}", "namespace: " + SHOP + "}"))
                .collect(Collectors.joining("\n---\n"));
        cluster.kubectl().apply(manifest);
        deploy("client", true);
        cluster.createNamespace(MARKED, "istio.io/rev=node-agent");
        cluster.kubectl().execute(TPROXY, "apply", "-n", MARKED, "-f", "-").succeeded();
        for (String name : APPLICATIONS) {
            awaitAvailable(name);
        }
        awaitAvailable("client");
        cluster.awaitRollout(MARKED, "deployment/marked");
    }

    @AfterAll
    static void uninstalls() {
        if (cluster != null && nodesBefore != null) {
            cluster.deleteNamespace(SHOP);
            cluster.deleteNamespace(MARKED);
            new Helm(cluster.kubeconfig()).run("uninstall", RELEASE, "-n", SYSTEM, "--ignore-not-found", "--wait");
        }
    }

    private static void deploy(String name, boolean injected) {
        cluster.kubectl()
                .execute("""
                    apiVersion: apps/v1
                    kind: Deployment
                    metadata: {name: %1$s}
                    spec:
                      selector: {matchLabels: {app: %1$s}}
                      template:
                        metadata: {labels: {app: %1$s, sidecar.istio.io/inject: "%2$s"}}
                        spec:
                          securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
                          containers:
                          - name: app
                            image: docker.io/local/probe:1
                            args: [serve]
                            securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
                    """.formatted(name, injected), "apply", "-n", SHOP, "-f", "-")
                .succeeded();
    }

    private static boolean wanted(String object) {
        var deployment = DEPLOYMENT.matcher(object);
        return !deployment.find() || APPLICATIONS.contains(deployment.group(1));
    }

    private static void awaitAvailable(String deployment) {
        cluster.kubectl()
                .run(
                        "wait",
                        "deployment/" + deployment,
                        "-n",
                        SHOP,
                        "--for=condition=Available",
                        "--timeout=" + PATIENCE.toSeconds() + "s");
    }

    /// Node and file → what is in it, of network configurations; of plugins their names.
    private static Map<String, String> nodes() {
        var found = new TreeMap<String, String>();
        for (String node : NODES) {
            found.put(node + " plugins", cluster.onNode(node, "", "ls", "/opt/cni/bin"));
            String listed = cluster.onNode(node, "", "ls", "-A", "/etc/cni/net.d");
            listed.lines()
                    .forEach(file ->
                            found.put(node + " " + file, cluster.onNode(node, "", "cat", "/etc/cni/net.d/" + file)));
        }
        return found;
    }

    @Test
    @Order(1)
    void podsOfARestrictedNamespaceRunWithoutAnyPrivilege() {
        String pods = cluster.kubectl().run("get", "pods", "-n", SHOP, "-o", "json");
        assertThat(pods).contains("istio-validation", "istio-proxy").doesNotContain("istio-init", "NET_ADMIN");
        String agents = cluster.kubectl().run("logs", "-n", SYSTEM, "-l", "app=mesh-node-agent", "--tail=-1");
        assertThat(agents).contains("rules laid: REDIRECT for [IPV4");
    }

    @Test
    @Order(2)
    void theirTrafficGoesThroughTheirSidecars() {
        assertThat(asked("http://reviews:8080/reviews/mug")).contains("reviews-v1");
        // The whole page: HTTP, gRPC and TCP between four pods.
        assertThat(asked("http://storefront:8080/products/mug")).contains("<h1>Mug</h1>", "in stock");
        for (String served : List.of("storefront 8080", "catalog 9090", "reviews-v1 8080", "stock 7070")) {
            String[] words = served.split(" ");
            assertThat(statistics(words[0]))
                    .as(served)
                    .anyMatch(line ->
                            line.matches("cluster\\.inbound\\|" + words[1] + "\\|\\|\\.upstream_cx_total: [1-9]\\d*"));
        }
        assertThat(statistics("client"))
                .as("what went out")
                .anyMatch(line -> line.matches("cluster\\.outbound\\|8080\\|\\|storefront\\." + SHOP
                        + "\\.svc\\.cluster\\.local\\.upstream_cx_total: [1-9]\\d*"));
    }

    /// TPROXY, where the namespace allows its proxy NET_ADMIN, and whatever families the cluster has.
    @Test
    @Order(2)
    void withTproxyTheApplicationSeesItsClientByBothFamilies() {
        assertThat(cluster.kubectl().run("get", "pods", "-n", MARKED, "-o", "json"))
                .contains("istio-validation")
                .doesNotContain("istio-init");
        List<String> client = List.of(cluster.kubectl()
                .run("get", "pods", "-n", SHOP, "-l", "app=client", "-o", "jsonpath={.items[0].status.podIPs[*].ip}")
                .split(" "));
        String addresses =
                cluster.kubectl().run("get", "service", "marked", "-n", MARKED, "-o", "jsonpath={.spec.clusterIPs[*]}");
        for (String address : addresses.split(" ")) {
            String host = address.contains(":") ? "[" + address + "]" : address;
            assertThat(asked("http://" + host + "/"))
                    .as(host)
                    .containsAnyOf(client.stream()
                            .map(each -> "from: " + (each.contains(":") ? "[" + each + "]" : each) + ":")
                            .toArray(String[]::new));
        }
    }

    /// What the client gets, once there is an answer.
    private static String asked(String url) {
        return await().atMost(PATIENCE)
                .until(
                        () -> cluster.tryExec(SHOP, "deployment/client", "app", "/probe", "get", url),
                        answer -> answer.status() == 0)
                .output();
    }

    private static List<String> statistics(String deployment) {
        return cluster.exec(
                        SHOP,
                        "deployment/" + deployment,
                        "istio-proxy",
                        "wget",
                        "-q",
                        "-O",
                        "-",
                        "http://127.0.0.1:15000/stats")
                .lines()
                .toList();
    }

    @Test
    @Order(3)
    void aPodWaitsWhileTheAgentIsAwayAndOthersDoNot() {
        away();
        try {
            deploy("waits", true);
            deploy("plain", false);
            awaitAvailable("plain");
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(cluster.kubectl().run("get", "events", "-n", SHOP))
                            .contains(
                                    "FailedCreatePodSandBox",
                                    "cannot be brought to its proxy: the node agent of the mesh does not answer on this"
                                            + " node",
                                    "the pod starts when a pod of DaemonSet mesh-system/mesh-node-agent runs here"));
            assertThat(cluster.kubectl()
                            .run(
                                    "get",
                                    "pods",
                                    "-n",
                                    SHOP,
                                    "-l",
                                    "app=waits",
                                    "-o",
                                    "jsonpath={.items[0].status.phase}"))
                    .isEqualTo("Pending");
        } finally {
            back();
        }
        awaitAvailable("waits");
    }

    @Test
    @Order(4)
    void aPodThatCameUpBeforeTheAgentIsMadeAnew() {
        away();
        // A node that has just joined: the agent has not chained itself yet.
        NODES.forEach(node -> cluster.onNode(
                node,
                nodesBefore.getOrDefault(node + " 10-mesh.conflist", ""),
                "tee",
                "/etc/cni/net.d/10-mesh.conflist"));
        try {
            deploy("early", true);
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(
                                    cluster.kubectl()
                                            .run(
                                                    "get",
                                                    "pods",
                                                    "-n",
                                                    SHOP,
                                                    "-l",
                                                    "app=early",
                                                    "-o",
                                                    "jsonpath={.items[0].status.initContainerStatuses[?(@.name==\"istio-validation\")]}"))
                            .contains("\"exitCode\":126"));
        } finally {
            back();
        }
        awaitAvailable("early");
        assertThat(cluster.kubectl().run("get", "events", "-n", SHOP)).contains("DeleteBrokenPod");
    }

    @Test
    @Order(5)
    void uninstalledTheNodesAreAsTheyWere() {
        assertThat(nodes()).isNotEqualTo(nodesBefore);
        new Helm(cluster.kubeconfig()).run("uninstall", RELEASE, "-n", SYSTEM, "--wait", "--timeout=3m");
        await().atMost(PATIENCE).untilAsserted(() -> assertThat(nodes()).isEqualTo(nodesBefore));
    }

    // The DaemonSet stays, its pods go.
    private static void away() {
        select("nowhere");
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(cluster.kubectl()
                                .run("get", "pods", "-n", SYSTEM, "-l", "app=mesh-node-agent", "-o", "name"))
                        .isBlank());
    }

    private static void back() {
        select("linux");
        cluster.awaitRollout(SYSTEM, "daemonset/mesh-node-agent");
    }

    private static void select(String system) {
        cluster.kubectl()
                .run(
                        "patch",
                        "daemonset",
                        "mesh-node-agent",
                        "-n",
                        SYSTEM,
                        "--type=merge",
                        "-p",
                        "{\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":{\"kubernetes.io/os\":\"" + system
                                + "\"}}}}}");
    }
}
