package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// Programs of a running mesh are killed, and its configuration changes under load: what ended shows as such, and the
/// rest goes on. Runs where `-Dhome` names the built programs: `make interop`.
@EnabledIfSystemProperty(named = "home", matches = ".+")
@SuppressWarnings("NullAway.Init") // set by JUnit
class LifeInteropTest {
    private static final int PROXIES = 9; // the edge and eight sidecars
    /// A second workload of version 1 of the reviews.
    private static final String SECOND = """
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: reviews-v1b, namespace: shop}
            spec:
              address: 127.0.1.18
              labels: {app: reviews, version: v1}
              ports: {http: 8080}
            ---
            """;
    private static final String PROCESS = """
            apiVersion: mesh.dev/v1alpha1
            kind: LocalProcess
            metadata: {name: reviews-v1b, namespace: shop}
            spec:
              workload: reviews-v1b
              command: ["${MESH_HOME}/bin/shop", reviews-v1]
            """;

    @TempDir
    private static Path work;

    private static LocalShop shop;

    @BeforeAll
    static void starts() throws IOException {
        shop = new LocalShop(work, SECOND + PROCESS, text -> text);
    }

    @AfterAll
    static void ends() {
        if (shop != null) {
            shop.close();
        }
    }

    @BeforeEach
    void allIsWell() {
        shop.awaitProxies(PROXIES);
        await().atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> assertThat(shop.page("/products/mug", "jason"))
                        .startsWith("200")
                        .contains("reviews-v2", "★"));
    }

    // Lines of the log that tell of an end, since the log was this long.
    private static List<String> endsSince(int length) throws IOException {
        return shop.log()
                .substring(length)
                .lines()
                .filter(line -> line.contains("ended with status"))
                .toList();
    }

    @Test
    void aKilledServiceIsStartedAgainAndWhatDoesNotNeedItGoesOn() throws Exception {
        int before = shop.log().length();
        try (var load = new Load(2, () -> shop.page("/products/mug", "ann"))) {
            LocalShop.kill(shop.process("dev.mesh.examples.shop.Shop ratings"));

            // Version 2 of the reviews asks the ratings, and does without.
            assertThat(shop.page("/products/mug", "jason")).startsWith("200").contains("reviews-v2");
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(() ->
                            assertThat(shop.page("/products/mug", "jason")).contains("★"));
            assertThat(load.end()).isEmpty();
            assertThat(load.requests()).isPositive();
        }
        assertThat(endsSince(before))
                .singleElement()
                .asString()
                .startsWith("ratings")
                .contains("ended with status 137; starting it again");
    }

    @Test
    void killedSidecarsShowAndComeBackWhileTheEdgeStays() throws Exception {
        int before = shop.log().length();
        var connected = shop.proxies();

        LocalShop.kill(shop.process("dev.mesh.proxy.boot.MeshProxy", "sidecar~"));

        await().atMost(Duration.ofSeconds(60))
                .untilAsserted(
                        () -> assertThat(shop.page("/products/mug", "ann")).startsWith("200"));
        shop.awaitProxies(PROXIES);
        var again = shop.proxies();
        for (var proxy : connected) {
            boolean same = again.stream()
                    .anyMatch(one -> one.getNodeId().equals(proxy.getNodeId())
                            && one.getConnected().equals(proxy.getConnected()));
            assertThat(same).as(proxy.getNodeId()).isEqualTo(proxy.getNodeId().startsWith("router~"));
        }
        assertThat(endsSince(before))
                .singleElement()
                .asString()
                .startsWith("sidecars")
                .contains("status 137");
        String since = shop.log().substring(before);
        assertThat(since.lines().filter(line -> line.startsWith("pilot") && line.contains("disconnected")))
                .hasSize(PROXIES - 1);
    }

    @Test
    void aKilledEdgeShowsAndTheMeshBehindItGoesOn() throws Exception {
        int before = shop.log().length();
        // Straight to the storefront's sidecar, which needs the other sidecars and no edge.
        try (var load = new Load(2, () -> shop.get("http://127.0.1.11:8080/products/mug", "ann"))) {
            LocalShop.kill(shop.process("dev.mesh.proxy.boot.MeshProxy", "router~"));

            await().atMost(Duration.ofSeconds(60))
                    .untilAsserted(
                            () -> assertThat(shop.page("/products/mug", "ann")).startsWith("200"));
            assertThat(load.end()).isEmpty();
            assertThat(load.requests()).isPositive();
        }
        assertThat(endsSince(before))
                .singleElement()
                .asString()
                .startsWith("edge")
                .contains("status 137");
    }

    @Test
    void aKilledPilotCostsNoRequestAndItsSuccessorsConfigurationIsFollowed() throws Exception {
        int before = shop.log().length();
        try (var load = new Load(4, () -> shop.page("/products/mug", "ann"))) {
            LocalShop.kill(shop.process("dev.mesh.pilot.boot.PilotMain"));

            shop.awaitProxies(PROXIES);
            shop.edit(
                    "reviews.yaml",
                    text -> text.replace("subset: v1}, weight: 100", "subset: v1}, weight: 0")
                            .replace("subset: v2}, weight: 0", "subset: v2}, weight: 100"));
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(
                            () -> assertThat(shop.page("/products/mug", "ann")).contains("reviews-v2"));
            shop.edit(
                    "reviews.yaml",
                    text -> text.replace("subset: v1}, weight: 0", "subset: v1}, weight: 100")
                            .replace("subset: v2}, weight: 100", "subset: v2}, weight: 0"));
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(
                            () -> assertThat(shop.page("/products/mug", "ann")).contains("reviews-v1"));
            assertThat(load.end()).isEmpty();
            assertThat(load.requests()).isGreaterThan(100);
        }
        assertThat(endsSince(before))
                .singleElement()
                .asString()
                .startsWith("pilot")
                .contains("status 137");
    }

    @Test
    void fiftyEditsAndWorkloadsThatComeAndGoCostNoRequest() throws Exception {
        try (var load = new Load(4, () -> shop.page("/products/mug", "ann"))) {
            for (int i = 1; i <= 50; i++) {
                String mark = "edit-" + i;
                if (i % 5 == 0) {
                    boolean away = i % 10 == 5;
                    shop.edit("more.yaml", text -> away ? PROCESS : SECOND + PROCESS);
                }
                shop.edit(
                        "edge.yaml",
                        text -> text.replaceAll("(?m)^    headers: .*\n", "")
                                .replace(
                                        "    - destination: {host: storefront}\n",
                                        "    - destination: {host: storefront}\n    headers: {response: {set: {x-edit: "
                                                + mark + "}}}\n"));
                await().atMost(Duration.ofSeconds(30))
                        .untilAsserted(() ->
                                assertThat(shop.page("/products/mug", "ann")).startsWith("200 " + mark + " "));
            }
            assertThat(load.end()).isEmpty();
            assertThat(load.requests()).isGreaterThan(50);
        }
    }
}
