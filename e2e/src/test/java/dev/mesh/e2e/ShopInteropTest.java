package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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

    private LocalShop shop;

    @BeforeEach
    void startsTheShop() throws IOException {
        shop = new LocalShop(work, "", text -> text);
    }

    @AfterEach
    void stopsIt() {
        if (shop != null) {
            shop.close();
        }
    }

    /// Storefront over HTTP, catalog over gRPC, stock over TCP, reviews in two versions.
    @Test
    void pagesComeThroughTheMeshAndAnEditMovesTrafficWithoutAFailure() throws Exception {
        assertThat(shop.page("/", "ann")).contains("Mug", "in stock");
        assertThat(shop.page("/products/mug", "ann")).contains("reviews-v1").doesNotContain("reviews-v2");
        assertThat(shop.page("/products/mug", "jason")).contains("reviews-v2");

        try (var load = new Load(1, () -> shop.page("/products/mug", "ann"))) {
            shop.edit(
                    "reviews.yaml",
                    text -> text.replace("subset: v1}, weight: 100", "subset: v1}, weight: 0")
                            .replace("subset: v2}, weight: 0", "subset: v2}, weight: 100"));
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(
                            () -> assertThat(shop.page("/products/mug", "ann")).contains("reviews-v2"));
            assertThat(load.end()).isEmpty();
        }
    }

    @Test
    void endingItLeavesNoProcess() throws Exception {
        Process mesh = shop.mesh();
        var children = mesh.descendants().toList();
        assertThat(children).hasSizeGreaterThan(8);

        mesh.toHandle().destroy(); // what Ctrl-C does, but for the signal's number
        mesh.waitFor();

        await().atMost(Duration.ofSeconds(15))
                .untilAsserted(() -> assertThat(children).noneMatch(ProcessHandle::isAlive));
    }

    @Test
    void killingItLeavesNoProcessEither() {
        Process mesh = shop.mesh();
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
            page.navigate("http://127.0.0.1:" + shop.edge() + "/");
            assertThat(page.locator("h1").textContent()).isEqualTo("The shop");

            page.locator("#products a").first().click();
            assertThat(page.content()).contains("reviews-v1");
            page.locator("#jason").click();
            page.navigate("http://127.0.0.1:" + shop.edge() + "/products/mug");
            assertThat(page.content()).contains("reviews-v2");
            page.locator("button").first().click();
            page.navigate("http://127.0.0.1:" + shop.edge() + "/cart");
            assertThat(page.content()).contains("Mug");
            assertThat(failed).isEmpty();
        }
    }
}
