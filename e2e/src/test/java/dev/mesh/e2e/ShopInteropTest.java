package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// `meshctl up examples/shop` as its user sees it. Runs where `-Dhome` names the built programs: `make interop`.
@EnabledIfSystemProperty(named = "home", matches = ".+")
@SuppressWarnings("NullAway.Init") // set by JUnit
class ShopInteropTest {
    private static final Path CHROMIUM = Path.of("/usr/bin/chromium");

    @TempDir
    private Path work;

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private Path folder;
    private String shop;
    private Process mesh;

    @BeforeEach
    void startsTheShop() throws IOException {
        folder = Files.createDirectory(work.resolve("shop"));
        int port = Fixture.freePort();
        try (var files = Files.list(Path.of("..", "examples", "shop"))) {
            for (Path file : files.toList()) {
                Files.writeString(
                        folder.resolve(file.getFileName()),
                        Files.readString(file)
                                .replace(
                                        "number: 8080, name: http, protocol",
                                        "number: " + port + ", name: http, protocol"));
            }
        }
        shop = "http://127.0.0.1:" + port;
        mesh = new ProcessBuilder(
                        System.getProperty("home") + "/bin/meshctl",
                        "up",
                        folder.toString(),
                        "--xds-port",
                        "0",
                        "--admin-port",
                        "0")
                .redirectErrorStream(true)
                .redirectOutput(work.resolve("log").toFile())
                .start();
        await().atMost(Duration.ofSeconds(90)).until(() -> !mesh.isAlive() || log().contains("The mesh is ready"));
        assertThat(mesh.isAlive()).as(log()).isTrue();
    }

    @AfterEach
    void stopsIt() throws Exception {
        mesh.toHandle().destroy();
        mesh.waitFor();
        http.close();
    }

    private String log() throws IOException {
        return Files.readString(work.resolve("log"));
    }

    private HttpResponse<String> get(String path, String user) throws IOException, InterruptedException {
        return http.send(
                HttpRequest.newBuilder(URI.create(shop + path))
                        .header("x-user", user)
                        .timeout(Duration.ofSeconds(10))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    /// Storefront over HTTP, catalog over gRPC, stock over TCP, reviews in two versions.
    @Test
    void pagesComeThroughTheMeshAndAnEditMovesTrafficWithoutAFailure() throws Exception {
        assertThat(get("/", "ann").body()).contains("Mug", "in stock");
        assertThat(get("/products/mug", "ann").body()).contains("reviews-v1").doesNotContain("reviews-v2");
        assertThat(get("/products/mug", "jason").body()).contains("reviews-v2");

        var failures = new ArrayList<String>();
        var over = new AtomicBoolean();
        var load = Thread.ofVirtual().start(() -> {
            while (!over.get()) {
                try {
                    var answer = get("/products/mug", "ann");
                    if (answer.statusCode() != 200) {
                        failures.add(answer.statusCode() + " " + answer.body());
                    }
                } catch (IOException e) {
                    failures.add(e.toString());
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
        });
        Path reviews = folder.resolve("reviews.yaml");
        Files.writeString(
                reviews,
                Files.readString(reviews)
                        .replace("subset: v1}, weight: 100", "subset: v1}, weight: 0")
                        .replace("subset: v2}, weight: 0", "subset: v2}, weight: 100"));
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(
                        () -> assertThat(get("/products/mug", "ann").body()).contains("reviews-v2"));
        over.set(true);
        load.join();
        assertThat(failures).isEmpty();
    }

    @Test
    void endingItLeavesNoProcess() throws Exception {
        var children = mesh.descendants().toList();
        assertThat(children).hasSizeGreaterThan(8);

        mesh.toHandle().destroy(); // what Ctrl-C does, but for the signal's number
        mesh.waitFor();

        await().atMost(Duration.ofSeconds(15))
                .untilAsserted(() -> assertThat(children).noneMatch(ProcessHandle::isAlive));
    }

    @Test
    void killingItLeavesNoProcessEither() {
        var children = mesh.descendants().toList();

        mesh.destroyForcibly();

        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(children).noneMatch(ProcessHandle::isAlive));
    }

    @Test
    void aBrowserFollowsItsLinks() {
        assumeTrue(Files.exists(CHROMIUM), "needs Debian's chromium");
        var options = new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"));
        try (var playwright = Playwright.create(options);
                Browser browser = playwright
                        .chromium()
                        .launch(new BrowserType.LaunchOptions()
                                .setExecutablePath(CHROMIUM)
                                .setArgs(List.of("--no-sandbox")))) {
            Page page = browser.newPage();
            var failed = new ArrayList<String>();
            page.onResponse(response -> {
                if (response.status() >= 400) {
                    failed.add(response.status() + " " + response.url());
                }
            });
            page.navigate(shop + "/");
            assertThat(page.locator("h1").textContent()).isEqualTo("The shop");

            page.locator("#products a").first().click();
            assertThat(page.content()).contains("reviews-v1");
            page.locator("#jason").click();
            page.navigate(shop + "/products/mug");
            assertThat(page.content()).contains("reviews-v2");
            page.locator("button").first().click();
            page.navigate(shop + "/cart");
            assertThat(page.content()).contains("Mug");
            assertThat(failed).isEmpty();
        }
    }
}
