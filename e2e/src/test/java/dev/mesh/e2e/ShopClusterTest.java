package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.e2e.cluster.Cluster;
import dev.mesh.e2e.cluster.InstalledMesh;
import dev.mesh.e2e.cluster.OnCluster;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// What the project is for: the mesh installed with Helm, a namespace labelled, and its pods' traffic routed by the
/// sidecars that they got; `examples/kubernetes/shop.yaml` on real nodes.
@OnCluster
@SuppressWarnings("NullAway.Init") // set by JUnit
class ShopClusterTest {
    private static final String SHOP = "shop";
    private static final String OUTSIDE = "shop-test-outside";
    private static final Path MANIFEST = Path.of("..", "examples", "kubernetes", "shop.yaml");
    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final String PAGE = "/products/mug";
    private static final Pattern SERVED_BY = Pattern.compile("<span id=\"served-by\">([^<]*)<");
    private static final String CLIENT = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: client}
            spec:
              selector: {matchLabels: {app: client}}
              template:
                metadata: {labels: {app: client}}
                spec:
                  containers:
                  - {name: client, image: "docker.io/local/probe:1", args: [serve]}
            """;

    private static InstalledMesh mesh;
    private static Cluster cluster;

    @BeforeAll
    static void opens() {
        mesh = InstalledMesh.shared();
        cluster = mesh.cluster();
        cluster.requireProbe();
        cluster.createNamespace(SHOP); // which the manifest labels
        cluster.createNamespace(OUTSIDE);
        mesh.apply(MANIFEST);
        for (String namespace : List.of(SHOP, OUTSIDE)) {
            cluster.kubectl()
                    .execute(CLIENT, "apply", "-n", namespace, "-f", "-")
                    .succeeded();
            mesh.awaitDeployments(namespace);
        }
        mesh.awaitRoute(PAGE);
    }

    @AfterAll
    static void closes() {
        if (cluster != null) {
            cluster.deleteNamespace(SHOP);
            cluster.deleteNamespace(OUTSIDE);
        }
    }

    @AfterEach
    void asItWas() {
        mesh.apply(MANIFEST);
    }

    @Test
    void everyPodOfTheNamespaceHasASidecarBesideItsContainersAndNobodyElse() {
        String sidecars = "jsonpath={range .items[*]}{.spec.initContainers[?(@.name==\"istio-proxy\")].restartPolicy} "
                + "{.spec.initContainers[?(@.name==\"istio-proxy\")].securityContext.runAsNonRoot}{\"\\n\"}{end}";
        assertThat(cluster.kubectl()
                        .run("get", "pods", "-n", SHOP, "-o", sidecars)
                        .lines())
                .hasSize(8)
                .allMatch("Always true"::equals);
        assertThat(cluster.kubectl()
                        .run("get", "pods", "-n", OUTSIDE, "-o", sidecars)
                        .strip())
                .isEmpty();
    }

    @Test
    void aPageComesThroughTheGatewayAndTheSidecarsOfAllWhomItAsks() {
        var answer = mesh.get(mesh.gateway() + PAGE);
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.headers().firstValue("server")).contains("istio-envoy");
        assertThat(answer.body())
                .contains("<h1>Mug</h1>", "in stock")
                .matches(body -> servedBy(body).equals("reviews-v1"));
        for (String served : List.of("storefront 8080", "catalog 9090", "reviews-v1 8080", "stock 7070")) {
            String[] words = served.split(" ");
            assertThat(connections(words[0], words[1])).as(served).isPositive();
        }
    }

    @Test
    void aRuleOfTheDestinationHoldsForWhoeverAsksInTheMesh() {
        assertThat(servedBy(mesh.get(mesh.gateway() + PAGE, "x-user", "jason").body()))
                .isEqualTo("reviews-v2");
        assertThat(probe(SHOP, "http://reviews:8080/reviews/mug")).contains("reviews-v1");
    }

    @Test
    void changedWeightsMoveTheTrafficAndFailNothing() throws InterruptedException {
        try (var load = new Load(2, () -> mesh.status(mesh.gateway() + PAGE))) {
            cluster.kubectl()
                    .run(
                            "patch",
                            "virtualservice",
                            "reviews",
                            "-n",
                            SHOP,
                            "--type=json",
                            "-p",
                            "[{\"op\":\"replace\",\"path\":\"/spec/http/1/route/0/weight\",\"value\":0},"
                                    + "{\"op\":\"replace\",\"path\":\"/spec/http/1/route/1/weight\",\"value\":100}]");
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(
                                    servedBy(mesh.get(mesh.gateway() + PAGE).body()))
                            .isEqualTo("reviews-v2"));
            int before = load.requests();
            await().atMost(PATIENCE).until(() -> load.requests() > before + 50);
            assertThat(load.end()).isEmpty();
        }
    }

    @Test
    void podsAreReplacedAndNoRequestFails() throws InterruptedException {
        try (var load = new Load(2, () -> mesh.status(mesh.gateway() + PAGE))) {
            for (String deployment : List.of("storefront", "reviews-v1", "catalog")) {
                cluster.kubectl().run("rollout", "restart", "deployment/" + deployment, "-n", SHOP);
                cluster.awaitRollout(SHOP, "deployment/" + deployment);
            }
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(cluster.kubectl().run("get", "pods", "-n", SHOP, "-o", "name"))
                            .hasLineCount(8));
            assertThat(load.end()).as("of %s requests", load.requests()).isEmpty();
        }
    }

    @Test
    void whoHasNoSidecarIsServedAsWellAndWhoHasOneReachesWhoHasNone() {
        assertThat(probe(OUTSIDE, "http://storefront." + SHOP + ":8080" + PAGE)).contains("<h1>Mug</h1>");
        String outside = cluster.kubectl()
                .run("get", "pods", "-n", OUTSIDE, "-l", "app=client", "-o", "jsonpath={.items[0].status.podIP}");
        assertThat(probe(SHOP, "http://" + outside + ":8080/hello"))
                .as("an address that is no service's")
                .contains("GET /hello");
    }

    @Test
    void meshctlFindsThePilotOfTheClusterAndShowsWhatItsProxiesDo() {
        awaitProxies();
        assertThat(mesh.meshctl("proxy-config", "routes", "deployment/storefront." + SHOP)
                        .succeeded()
                        .output())
                .contains("reviews." + SHOP + ".svc.cluster.local");
        assertThat(mesh.meshctl(
                                "explain",
                                "http://reviews:8080/reviews/mug",
                                "--from",
                                "storefront." + SHOP,
                                "-H",
                                "x-user: jason")
                        .succeeded()
                        .output())
                .contains("jason", "outbound|8080|v2|reviews." + SHOP + ".svc.cluster.local");
        assertThat(mesh.meshctl(
                                "explain",
                                "--inbound",
                                "http://reviews:8080/reviews/mug",
                                "--from",
                                "deployment/reviews-v1." + SHOP)
                        .succeeded()
                        .output())
                .contains("virtualInbound: captures what comes in", "forward to inbound|8080||");
        assertThat(mesh.meshctl("explain", "tcp://192.0.2.1:4711", "--from", "storefront." + SHOP)
                        .succeeded()
                        .output())
                .contains("virtualOutbound: captures what goes out", "pass bytes to PassthroughCluster");
        assertThat(mesh.meshctl("check-inject", "deployment/storefront", "-n", SHOP)
                        .succeeded()
                        .output())
                .contains("gets a proxy");
    }

    @Test
    void aJobEndsThoughItHasASidecar() {
        cluster.kubectl().execute("""
                apiVersion: batch/v1
                kind: Job
                metadata: {name: once}
                spec:
                  template:
                    spec:
                      restartPolicy: Never
                      containers:
                      - name: once
                        image: docker.io/local/probe:1
                        args: [get, "http://storefront:8080/products/mug"]
                """, "apply", "-n", SHOP, "-f", "-").succeeded();
        cluster.awaitCondition(SHOP, "job/once", "condition=Complete");
        assertThat(cluster.logs(SHOP, "job/once", "once")).contains("<h1>Mug</h1>");
        cluster.kubectl().run("delete", "job", "once", "-n", SHOP);
    }

    @Test
    void aDeadPilotStopsNoTrafficAndNoPodsButThoseThatWouldLackASidecar() {
        mesh.assumeOurs("stops the pilot");
        String pilot = "deployment/mesh-pilot";
        // The autoscaler leaves alone what is scaled to nothing.
        cluster.kubectl().run("scale", pilot, "--replicas=0", "-n", InstalledMesh.NAMESPACE);
        try {
            cluster.kubectl()
                    .run(
                            "wait",
                            "pod",
                            "-l",
                            "app=mesh-pilot",
                            "--for=delete",
                            "-n",
                            InstalledMesh.NAMESPACE,
                            "--timeout=90s");
            assertThat(mesh.get(mesh.gateway() + PAGE).statusCode()).isEqualTo(200);
            assertThat(cluster.kubectl()
                            .execute("", "run", "late", "-n", SHOP, "--image=docker.io/local/probe:1")
                            .errors())
                    .contains("sidecar-injector.mesh.dev", "no endpoints available for service \"mesh-pilot\"");
            cluster.kubectl().run("run", "late", "-n", OUTSIDE, "--image=docker.io/local/probe:1");
        } finally {
            cluster.kubectl().run("scale", pilot, "--replicas=1", "-n", InstalledMesh.NAMESPACE);
            cluster.awaitRollout(InstalledMesh.NAMESPACE, pilot);
        }
        awaitProxies(); // they come back by themselves
        cluster.kubectl().run("delete", "pod", "late", "-n", OUTSIDE);
    }

    @Test
    void whatCannotBeIsRefusedWithItsPlaceAndAReason() {
        assertThat(cluster.kubectl()
                        .execute("""
                apiVersion: networking.istio.io/v1
                kind: VirtualService
                metadata: {name: wrong}
                spec: {hosts: [reviews], http: [{timeout: soon, route: [{destination: {host: reviews}}]}]}
                """, "apply", "-n", SHOP, "-f", "-")
                        .errors())
                .contains("spec.http[0].timeout", "soon");
        assertThat(cluster.kubectl()
                        .execute(
                                "",
                                "run",
                                "wrong",
                                "-n",
                                SHOP,
                                "--image=docker.io/local/probe:1",
                                "--annotations=sidecar.istio.io/interceptionMode=SOMEHOW")
                        .errors())
                .contains("sidecar.istio.io/interceptionMode", "SOMEHOW", "REDIRECT");
    }

    private static final String LOST = """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: lost, namespace: shop}
            spec: {hosts: [lost.example], http: [{route: [{destination: {host: nowhere}}]}]}
            """;
    private static final String RULE = "{\"apiGroups\": [\"networking.istio.io\", \"security.istio.io\","
            + " \"telemetry.istio.io\", \"extensions.istio.io\", \"mesh.dev\", \"gateway.networking.k8s.io\"],"
            + " \"resources\": [\"*/status\"], \"verbs\": [\"get\", \"update\", \"patch\"]}";

    private static void patchRights(String patch) {
        cluster.kubectl().run("patch", "clusterrole", "mesh-pilot-mesh-system", "--type=json", "-p", patch);
    }

    @Test
    void whatIsWrongWithARuleStandsOnItAndWhatThePilotMayNotDoIsSaidByMeshctl() {
        patchRights("[{\"op\": \"test\", \"path\": \"/rules/3\", \"value\": " + RULE
                + "}, {\"op\": \"remove\", \"path\": \"/rules/3\"}]");
        try {
            cluster.kubectl().apply(LOST);
            for (String command : List.of("proxy-status", "version --remote")) {
                await().atMost(PATIENCE)
                        .untilAsserted(
                                () -> assertThat(mesh.meshctl(command.split(" ", -1))
                                                .succeeded()
                                                .output())
                                        .containsPattern(
                                                "pilot mesh-pilot-\\S+ in mesh-system: cannot write what is found about"
                                                        + " virtualservices.networking.istio.io on the objects: not allowed; grant"));
            }
        } finally {
            patchRights("[{\"op\": \"add\", \"path\": \"/rules/3\", \"value\": " + RULE + "}]");
        }
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(cluster.kubectl()
                                .run("get", "virtualservice", "lost", "-n", SHOP, "-o", "jsonpath={.status}"))
                        .contains("PassedAnalysis", "nowhere.shop.svc.cluster.local is no service that is known"));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(
                                mesh.meshctl("proxy-status").succeeded().output())
                        .doesNotContain("cannot write"));
        cluster.kubectl().run("delete", "virtualservice", "lost", "-n", SHOP);
    }

    /// All proxies of the shop are connected, and what they were sent is in effect.
    private static void awaitProxies() {
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(mesh.meshctl("proxy-status")
                                .succeeded()
                                .output()
                                .lines()
                                .filter(line -> line.matches("[a-z0-9-]+\\." + SHOP
                                        + " +SYNCED +SYNCED +SYNCED +SYNCED +(SYNCED|NOT SENT) +yes +mesh-proxy.*")))
                        .hasSize(8));
    }

    private static String servedBy(String page) {
        var served = SERVED_BY.matcher(page);
        return served.find() ? served.group(1) : "";
    }

    private static String probe(String namespace, String url) {
        return cluster.exec(namespace, "deployment/client", "client", "/probe", "get", url);
    }

    /// How many connections the sidecar of a Deployment has made to the application beside it.
    private static long connections(String deployment, String port) {
        try (var forward = cluster.forward(SHOP, "deployment/" + deployment, 15090)) {
            String stats = mesh.get("http://127.0.0.1:" + forward.port() + "/stats/prometheus")
                    .body();
            var count = Pattern.compile(
                            "^envoy_cluster_upstream_cx_total\\{envoy_cluster_name=\"inbound\\|" + port
                                    + "\\|\\|\"} (\\d+)$",
                            Pattern.MULTILINE)
                    .matcher(stats);
            return count.find() ? Long.parseLong(count.group(1)) : -1;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
