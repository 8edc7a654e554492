package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.mesh.e2e.cluster.Cluster;
import dev.mesh.e2e.cluster.InstalledMesh;
import dev.mesh.e2e.cluster.OnCluster;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/// Istio's own manifests of Bookinfo, as they were published, on real nodes: their namespace has Istio's label, their
/// images are stand-ins under the names that they ask for. Runs where Istio's samples lie beside this repository.
@OnCluster
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@SuppressWarnings("NullAway.Init") // set by JUnit
class BookinfoClusterTest {
    private static final String NAMESPACE = "bookinfo";
    private static final String PAGE = "/productpage";
    private static final Pattern IMAGE = Pattern.compile("image: (\\S+)");
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    private static InstalledMesh mesh;
    private static Cluster cluster;
    private static Path networking;
    private static String gateway;

    @BeforeAll
    static void opens() {
        Path samples = BookinfoInteropTest.samples().resolve("bookinfo");
        assumeTrue(Files.isDirectory(samples), "needs Istio's samples in shared/ beside this repository");
        networking = samples.resolve("networking");
        mesh = InstalledMesh.shared();
        cluster = mesh.cluster();
        cluster.requireImages(images(samples.resolve("platform/kube/bookinfo.yaml")));
        cluster.createNamespace(NAMESPACE, "istio-injection=enabled");
        apply(samples.resolve("platform/kube/bookinfo.yaml"));
        mesh.awaitDeployments(NAMESPACE);
        apply(networking.resolve("bookinfo-gateway.yaml"));
        apply(networking.resolve("destination-rule-all.yaml"));
        apply(networking.resolve("virtual-service-all-v1.yaml"));
        // Its Gateway says 8080: the pod's port that the Service's 80 leads to.
        gateway = mesh.gateway();
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(mesh.status(gateway + PAGE)).isEqualTo("200"));
    }

    private static String[] images(Path manifest) {
        try {
            return IMAGE.matcher(Files.readString(manifest))
                    .results()
                    .map(match -> match.group(1))
                    .distinct()
                    .toArray(String[]::new);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @AfterAll
    static void closes() {
        if (cluster != null) {
            cluster.deleteNamespace(NAMESPACE);
        }
    }

    @Test
    @Order(1)
    void everyoneSeesVersion1WhichHasNoStars() {
        for (int i = 0; i < 10; i++) {
            assertThat(mesh.get(gateway + PAGE).body())
                    .contains("reviews-v1")
                    .doesNotContain("reviews-v2", "reviews-v3");
        }
    }

    @Test
    @Order(2)
    void jasonSeesVersion2() {
        apply(networking.resolve("virtual-service-reviews-test-v2.yaml"));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(
                                mesh.get(gateway + PAGE, "end-user", "jason").body())
                        .contains("reviews-v2"));
        assertThat(mesh.get(gateway + PAGE).body()).contains("reviews-v1");
    }

    @Test
    @Order(3)
    void aFaultOfTheRatingsIsSeenByJasonAlone() {
        apply(networking.resolve("virtual-service-ratings-test-abort.yaml"));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(
                                mesh.get(gateway + PAGE, "end-user", "jason").body())
                        .contains("Ratings service is currently unavailable"));
        assertThat(mesh.get(gateway + PAGE).body()).doesNotContain("unavailable");
        apply(networking.resolve("virtual-service-all-v1.yaml"));
    }

    @Test
    @Order(4)
    void halfOfTheTrafficGoesToVersion3() {
        apply(networking.resolve("virtual-service-reviews-50-v3.yaml"));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(mesh.get(gateway + PAGE).body()).contains("reviews-v3"));
        var seen = new ArrayList<Boolean>();
        for (int i = 0; i < 60; i++) {
            seen.add(mesh.get(gateway + PAGE).body().contains("reviews-v3"));
        }
        assertThat(seen.stream().filter(third -> third).count()).isBetween(12L, 48L);
    }

    @Test
    @Order(5)
    void thePodsAreAsIstiosInjectorWouldLeaveThem() {
        String pods = cluster.kubectl()
                .run(
                        "get",
                        "pods",
                        "-n",
                        NAMESPACE,
                        "-o",
                        "jsonpath={range .items[*]}{.metadata.labels.service\\.istio\\.io/canonical-name} "
                                + "{.status.containerStatuses[0].ready} {.spec.initContainers[*].name}{\"\\n\"}{end}");
        assertThat(pods.lines())
                .containsExactlyInAnyOrderElementsOf(
                        List.of("details", "productpage", "ratings", "reviews", "reviews", "reviews").stream()
                                .map(name -> name + " true istio-init istio-proxy")
                                .toList());
    }

    private static void apply(Path file) {
        cluster.kubectl().run("apply", "-n", NAMESPACE, "-f", file.toString());
    }
}
