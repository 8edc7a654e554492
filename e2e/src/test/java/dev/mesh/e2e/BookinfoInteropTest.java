package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
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
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// The routing tasks of Istio's documentation on a local mesh with stand-in workloads: once with the manifests of
/// `examples`, once with Istio's own as they were published, where they lie beside this repository. Runs where
/// `-Dhome` names the built programs: `make interop`.
class BookinfoInteropTest {
    private static final Path CHROMIUM = Path.of("/usr/bin/chromium");
    private static final Path EXAMPLES = Path.of("..", "examples");
    private static final int REQUESTS = 300;

    @Nested
    @EnabledIfSystemProperty(named = "home", matches = ".+")
    class OnOurManifests extends Tasks {
        @Override
        Map<String, Path> application() throws IOException {
            var files = new TreeMap<String, Path>();
            for (String sample : List.of("bookinfo", "tcp-echo", "helloworld")) {
                try (var found = Files.list(EXAMPLES.resolve(sample))) {
                    found.forEach(file -> files.put(sample + "-" + file.getFileName(), file));
                }
            }
            files.remove("tcp-echo-tcp-echo-all-v1.yaml"); // applied below
            return files;
        }

        @Override
        Path manifest(String name) {
            Path task = EXAMPLES.resolve("bookinfo-tasks").resolve(name);
            return Files.exists(task) ? task : EXAMPLES.resolve("tcp-echo").resolve(name);
        }

        @Override
        int helloworldPort() {
            return 8081;
        }
    }

    @Nested
    @EnabledIfSystemProperty(named = "home", matches = ".+")
    class OnIstiosManifests extends Tasks {
        private final Path samples = samples();

        @Override
        Map<String, Path> application() {
            assumeTrue(Files.isDirectory(samples), "needs Istio's samples in shared/ beside this repository");
            var files = new TreeMap<String, Path>();
            for (String sample : List.of("bookinfo", "tcp-echo", "helloworld")) {
                files.put(sample + "-workloads.yaml", EXAMPLES.resolve(sample).resolve("workloads.yaml"));
            }
            for (String name : List.of(
                    "bookinfo/platform/kube/bookinfo.yaml",
                    "bookinfo/platform/kube/bookinfo-versions.yaml",
                    "bookinfo/platform/kube/bookinfo-ingress.yaml",
                    "bookinfo/networking/bookinfo-gateway.yaml",
                    "bookinfo/networking/destination-rule-all.yaml",
                    "helloworld/helloworld.yaml",
                    "helloworld/helloworld-gateway.yaml",
                    "tcp-echo/tcp-echo-services.yaml")) {
                files.put(name.replace('/', '-'), samples.resolve(name));
            }
            return files;
        }

        @Override
        Path manifest(String name) {
            Path task = samples.resolve("bookinfo/networking").resolve(name);
            return Files.exists(task) ? task : samples.resolve("tcp-echo").resolve(name);
        }

        @Override
        int helloworldPort() {
            return 80;
        }

        @Test
        void whatIsNoPartOfTheMeshIsListed() throws IOException {
            assertThat(log())
                    .contains("left aside, of other API groups: 4 ServiceAccounts, 10 Deployments (apps), 1 Ingress");
        }
    }

    // Beside this repository, or beside the folder of a worktree of it.
    static Path samples() {
        Path folder = Path.of("").toAbsolutePath();
        while (folder.getParent() != null && !Files.exists(folder.resolve("shared/samples/istio"))) {
            folder = folder.getParent();
        }
        return folder.resolve("shared/samples/istio");
    }

    /// The tasks, on whichever manifests; one mesh for all of them.
    @TestInstance(TestInstance.Lifecycle.PER_CLASS)
    @SuppressWarnings("NullAway.Init") // set before all tests
    abstract static class Tasks {
        private static final Pattern DOCUMENT = Pattern.compile("^---.*$", Pattern.MULTILINE);
        private static final Pattern KIND = Pattern.compile("^kind: *(\\w+)", Pattern.MULTILINE);
        private static final Pattern NAME =
                Pattern.compile("^metadata:\\s*\\{?\\s*name: *([\\w-]+)", Pattern.MULTILINE);
        private static final String NO_STARS = "no stars";
        private static final String BLACK = "black";
        private static final String RED = "red";

        private Path work;
        private final HttpClient http =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        private final String network = "127.0." + (20 + ProcessHandle.current().pid() % 200) + ".";
        private Path folder;
        private Path log;
        private Process mesh;
        private int admin;
        private int web;
        private int hello;
        private int tcp;

        /// File name in the mesh's folder → what is copied there.
        abstract Map<String, Path> application() throws IOException;

        /// What a task applies.
        abstract Path manifest(String name);

        abstract int helloworldPort();

        @BeforeAll
        void starts(@TempDir Path fresh) throws IOException {
            work = fresh;
            var files = application();
            folder = Files.createDirectory(work.resolve("mesh"));
            log = work.resolve("log");
            for (var file : files.entrySet()) {
                String text = Files.readString(file.getValue());
                Files.writeString(
                        folder.resolve(file.getKey()),
                        file.getKey().endsWith("workloads.yaml") ? text.replace("127.0.2.", network) : text);
            }
            apply("virtual-service-all-v1.yaml");
            apply("tcp-echo-all-v1.yaml");
            admin = Fixture.freePort();
            web = Fixture.freePort();
            hello = Fixture.freePort();
            tcp = Fixture.freePort();
            var command =
                    new ArrayList<>(List.of(System.getProperty("home") + "/bin/meshctl", "up", folder.toString()));
            command.addAll(List.of("--xds-port", "0", "--admin-port", Integer.toString(admin)));
            command.addAll(List.of("--edge-port", "8080=" + web, "--edge-port", helloworldPort() + "=" + hello));
            command.addAll(List.of("--edge-port", "31400=" + tcp));
            mesh = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            await().atMost(Duration.ofMinutes(2)).until(() -> !mesh.isAlive() || log().contains("The mesh is ready"));
            assertThat(mesh.isAlive()).as(log()).isTrue();
        }

        @AfterAll
        void ends() throws InterruptedException {
            if (mesh != null) {
                mesh.toHandle().destroy();
                mesh.waitFor(30, TimeUnit.SECONDS);
            }
            http.close();
        }

        @BeforeEach
        void beginsWithVersion1() throws IOException {
            apply("virtual-service-all-v1.yaml");
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThat(colors("", 12)).containsOnlyKeys(NO_STARS));
        }

        // As kubectl apply does: each object stands once, and the newest text of it counts.
        private void apply(String name) throws IOException {
            for (String document : DOCUMENT.split(Files.readString(manifest(name)))) {
                var kind = KIND.matcher(document);
                var object = NAME.matcher(document);
                if (kind.find() && object.find()) {
                    write(kind.group(1) + "-" + object.group(1) + ".yaml", document);
                }
            }
        }

        private void write(String file, String text) throws IOException {
            Path target = folder.resolve("applied").resolve(file);
            Files.createDirectories(target.getParent());
            // Whole or not at all: the pilot may look at any time.
            Files.move(
                    Files.writeString(work.resolve(file + ".new"), text),
                    target,
                    java.nio.file.StandardCopyOption.ATOMIC_MOVE);
        }

        final String log() throws IOException {
            return Files.readString(log);
        }

        private HttpResponse<String> get(String url, String user) throws IOException, InterruptedException {
            var request = HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(20));
            if (!user.isEmpty()) {
                request.header("cookie", "user=" + user);
            }
            return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
        }

        private String page(String user) throws IOException, InterruptedException {
            return get("http://127.0.0.1:" + web + "/productpage", user).body();
        }

        private String color(String user) throws IOException, InterruptedException {
            String page = page(user);
            assertThat(page).contains("Book Details", "William Shakespeare", "reviews served by");
            return page.contains("stars black") ? BLACK : page.contains("stars red") ? RED : NO_STARS;
        }

        /// How often each colour of stars was seen.
        private Map<String, Integer> colors(String user, int times) throws IOException, InterruptedException {
            var seen = new TreeMap<String, Integer>();
            for (int i = 0; i < times; i++) {
                seen.merge(color(user), 1, Integer::sum);
            }
            return seen;
        }

        private void awaitColor(String user, String color) {
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThat(colors(user, 12)).containsKey(color));
        }

        private long statistic(String workload, String name) throws Exception {
            return get("http://" + network + workload + ":" + admin + "/stats?filter=" + name, "")
                    .body()
                    .lines()
                    .filter(line -> line.contains(name + ": "))
                    .mapToLong(line -> Long.parseLong(
                            line.substring(line.lastIndexOf(' ') + 1).strip()))
                    .sum();
        }

        @Test
        void jasonSeesVersion2AndOthersVersion1() throws Exception {
            apply("virtual-service-reviews-test-v2.yaml");

            awaitColor("jason", BLACK);
            assertThat(colors("jason", 12)).containsOnlyKeys(BLACK);
            assertThat(colors("", 12)).containsOnlyKeys(NO_STARS);
        }

        @Test
        void halfOfAllPagesAreOfVersion3() throws Exception {
            apply("virtual-service-reviews-50-v3.yaml");
            awaitColor("", RED);

            assertThat(share(RED, NO_STARS)).isBetween(0.35, 0.65);

            apply("virtual-service-reviews-v3.yaml");
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThat(colors("", 12)).containsOnlyKeys(RED));
        }

        @Test
        void aFifthAndATenthAreOfVersion2() throws Exception {
            apply("virtual-service-reviews-80-20.yaml");
            awaitColor("", BLACK);
            assertThat(share(BLACK, NO_STARS)).isBetween(0.08, 0.32);

            beginsWithVersion1();
            apply("virtual-service-reviews-90-10.yaml");
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThat(colors("", 30)).containsKey(BLACK));
            assertThat(share(BLACK, NO_STARS)).isBetween(0.02, 0.20);
        }

        // Bounds are five standard deviations away: such a miss is no chance.
        private double share(String color, String other) throws IOException, InterruptedException {
            var seen = colors("", REQUESTS);
            assertThat(seen).containsOnlyKeys(color, other);
            return seen.getOrDefault(color, 0) / (double) REQUESTS;
        }

        /// Black stars are waited for longer than the page waits for reviews: what the task wants to show.
        @Test
        void aDelayForJasonMakesHisReviewsUnavailable() throws Exception {
            apply("virtual-service-reviews-test-v2.yaml");
            awaitColor("jason", BLACK);
            long before = statistic("15", "delays_injected");

            apply("virtual-service-ratings-test-delay.yaml");

            await().atMost(Duration.ofMinutes(1))
                    .untilAsserted(() -> assertThat(page("jason"))
                            .contains("Product reviews are currently unavailable", "William Shakespeare"));
            assertThat(statistic("15", "delays_injected")).isGreaterThan(before);
            assertThat(colors("", 12)).containsOnlyKeys(NO_STARS);
        }

        @Test
        void anAbortForJasonTakesHisStars() throws Exception {
            apply("virtual-service-reviews-test-v2.yaml");
            awaitColor("jason", BLACK);
            long before = statistic("15", "aborts_injected");

            apply("virtual-service-ratings-test-abort.yaml");

            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThat(page("jason"))
                            .contains("Ratings service is currently unavailable", "reviews-v2"));
            assertThat(statistic("15", "aborts_injected")).isGreaterThan(before);
            assertThat(colors("", 12)).containsOnlyKeys(NO_STARS);
        }

        @Test
        void connectionsShiftToVersion2() throws Exception {
            apply("tcp-echo-all-v1.yaml");
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThat(echoes(40)).containsOnlyKeys("one hello"));

            apply("tcp-echo-20-v2.yaml");
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThat(echoes(40)).containsKey("two hello"));
            var seen = echoes(REQUESTS);
            assertThat(seen).containsOnlyKeys("one hello", "two hello");
            assertThat(seen.getOrDefault("two hello", 0) / (double) REQUESTS).isBetween(0.08, 0.32);
        }

        private Map<String, Integer> echoes(int times) throws IOException {
            var seen = new TreeMap<String, Integer>();
            for (int i = 0; i < times; i++) {
                try (var socket = new Socket(InetAddress.getLoopbackAddress(), tcp)) {
                    socket.setSoTimeout(10_000);
                    socket.getOutputStream().write("hello\n".getBytes(StandardCharsets.UTF_8));
                    var lines =
                            new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
                    seen.merge(String.valueOf(lines.readLine()), 1, Integer::sum);
                }
            }
            return seen;
        }

        @Test
        void helloComesFromBothVersions() throws Exception {
            var seen = new ArrayList<String>();
            for (int i = 0; i < 20; i++) {
                seen.add(get("http://127.0.0.1:" + hello + "/hello", "").body());
            }
            assertThat(seen)
                    .contains(
                            "Hello version: v1, instance: helloworld-v1\n",
                            "Hello version: v2, instance: helloworld-v2\n")
                    .allMatch(line -> line.startsWith("Hello version: "));
        }

        /// mesh cannot give ISTIO_MUTUAL yet: nothing is sent rather than something in plaintext.
        @Test
        void mutualTlsThatCannotBeGivenMeansNoTraffic() throws Exception {
            Path rules = folder.resolve(
                    Files.exists(folder.resolve("bookinfo-destination-rule-all.yaml"))
                            ? "bookinfo-destination-rule-all.yaml"
                            : "bookinfo-networking-destination-rule-all.yaml");
            String before = Files.readString(rules);
            try {
                Files.writeString(rules, Files.readString(manifest("destination-rule-all-mtls.yaml")));
                await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> {
                    var answer = get("http://127.0.0.1:" + web + "/productpage", "");
                    assertThat(answer.statusCode()).isEqualTo(503);
                    assertThat(answer.body()).contains("no healthy upstream");
                });
                assertThat(log()).contains("the clusters get no endpoints, so that nothing goes in plaintext");
            } finally {
                Files.writeString(rules, before);
            }
        }

        @Test
        void aBrowserSeesStarsOfEachColor() throws Exception {
            assumeTrue(Files.exists(CHROMIUM), "needs Debian's chromium");
            var options = new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"));
            apply("virtual-service-reviews-test-v2.yaml");
            awaitColor("jason", BLACK);
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
                page.navigate("http://127.0.0.1:" + web + "/productpage");
                assertThat(page.locator("#reviews blockquote").count()).isEqualTo(2);
                assertThat(page.locator(".stars").count()).isZero();

                page.locator("input[name=username]").fill("jason");
                page.locator("button").click();
                assertThat(page.locator("#user").textContent()).isEqualTo("jason");
                assertThat(page.locator(".stars.black").allTextContents()).containsExactly("★★★★★", "★★★★☆");
                assertThat(page.locator(".stars").first().evaluate("e => getComputedStyle(e).color"))
                        .as("the style sheet came too")
                        .isEqualTo("rgb(0, 0, 0)");

                apply("virtual-service-reviews-v3.yaml");
                awaitColor("", RED);
                page.reload();
                assertThat(page.locator(".stars.red").count()).isEqualTo(2);
                page.locator("text=sign out").click();
                assertThat(page.locator("#user").count()).isZero();
                assertThat(failed).isEmpty();
                String shots = System.getProperty("screenshots", "");
                if (!shots.isEmpty()) {
                    page.screenshot(new Page.ScreenshotOptions().setPath(Path.of(shots, "bookinfo.png")));
                }
            }
        }
    }
}
