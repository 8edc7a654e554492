package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.proto.v1.ListProxiesRequest;
import dev.mesh.api.proto.v1.MeshQueryGrpc;
import dev.mesh.api.proto.v1.ProxyStatus;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

/// `meshctl up` on a copy of the shop, as its user runs it. Needs `-Dhome`, the built programs.
final class LocalShop implements AutoCloseable {
    private final Path work;
    private final Path folder;
    private final int edge = Fixture.freePort();
    private final int xds = Fixture.freePort();
    private final Process mesh;
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final ManagedChannel pilot;

    /// Returns when the mesh says that it is ready.
    ///
    /// @param more a further file of configuration; empty: none
    /// @param edit what is changed in each file of the shop
    LocalShop(Path work, String more, UnaryOperator<String> edit) throws IOException {
        this.work = work;
        folder = Files.createDirectory(work.resolve("shop"));
        String port = "number: 8080, name: http, protocol";
        try (var files = Files.list(Path.of("..", "examples", "shop"))) {
            for (Path file : files.toList()) {
                String text = Files.readString(file).replace(port, port.replace("8080", "" + edge));
                Files.writeString(folder.resolve(file.getFileName()), edit.apply(text));
            }
        }
        Files.writeString(folder.resolve("more.yaml"), more);
        mesh = new ProcessBuilder(
                        System.getProperty("home") + "/bin/meshctl",
                        "up",
                        folder.toString(),
                        "--xds-port",
                        "" + xds,
                        "--admin-port",
                        "0")
                .redirectErrorStream(true)
                .redirectOutput(work.resolve("log").toFile())
                .start();
        pilot = Grpc.newChannelBuilder("127.0.0.1:" + xds, InsecureChannelCredentials.create())
                .build();
        await().atMost(Duration.ofSeconds(90)).until(() -> !mesh.isAlive() || log().contains("The mesh is ready"));
        assertThat(mesh.isAlive()).as(log()).isTrue();
    }

    /// Port of the edge gateway.
    int edge() {
        return edge;
    }

    /// The pilot's port.
    int xds() {
        return xds;
    }

    /// `meshctl up` itself.
    Process mesh() {
        return mesh;
    }

    String log() throws IOException {
        return Files.readString(work.resolve("log"));
    }

    /// The page of the shop, through the edge: status and body.
    String page(String path, String user) {
        return get("http://127.0.0.1:" + edge + path, user);
    }

    /// Status and body, or why there is no answer.
    String get(String url, String user) {
        try {
            var answer = http.send(
                    HttpRequest.newBuilder(URI.create(url))
                            .header("x-user", user)
                            .timeout(Duration.ofSeconds(20))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            return answer.statusCode() + " "
                    + answer.headers().firstValue("x-edit").orElse("") + " " + answer.body();
        } catch (IOException e) {
            return e.toString();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return e.toString();
        }
    }

    /// Changes a file whole, as editors do.
    void edit(String file, UnaryOperator<String> change) throws IOException {
        Path fresh = work.resolve(file + ".new");
        Files.writeString(fresh, change.apply(Files.readString(folder.resolve(file))));
        Files.move(fresh, folder.resolve(file), StandardCopyOption.ATOMIC_MOVE);
    }

    /// The one process of the mesh whose command line has all these words.
    ProcessHandle process(String... words) {
        var found = mesh.descendants()
                .filter(process -> {
                    String line = commandLine(process);
                    return List.of(words).stream().allMatch(line::contains);
                })
                .toList();
        assertThat(found).as(String.join(" ", words)).hasSize(1);
        return found.getFirst();
    }

    /// Ends a process at once, as the kernel does when memory is short.
    static void kill(ProcessHandle process) {
        process.destroyForcibly();
        await().atMost(Duration.ofSeconds(20)).until(() -> !process.isAlive());
    }

    private static String commandLine(ProcessHandle process) {
        try {
            byte[] line = Files.readAllBytes(Path.of("/proc", "" + process.pid(), "cmdline"));
            return new String(line, StandardCharsets.ISO_8859_1).replace('\0', ' ');
        } catch (IOException e) {
            return ""; // it has ended meanwhile
        }
    }

    /// What the pilot knows of its proxies.
    List<ProxyStatus> proxies() {
        return MeshQueryGrpc.newBlockingStub(pilot)
                .withWaitForReady()
                .withDeadlineAfter(20, TimeUnit.SECONDS)
                .listProxies(ListProxiesRequest.getDefaultInstance())
                .getProxiesList();
    }

    /// What a person sees: output and exit code of `meshctl proxy-status`.
    String proxyStatus() throws IOException, InterruptedException {
        var process = new ProcessBuilder(
                        System.getProperty("home") + "/bin/meshctl", "proxy-status", "--pilot", "127.0.0.1:" + xds)
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return output + "exit " + process.waitFor();
    }

    /// Waits until so many proxies are connected, have taken all they were sent, and say that it is in effect.
    void awaitProxies(int count) {
        await().atMost(Duration.ofSeconds(60)).ignoreExceptions().untilAsserted(() -> {
            var status = proxyStatus();
            assertThat(status).endsWith("exit 0");
            assertThat(status.lines().filter(line -> line.contains(" yes ")))
                    .as(status)
                    .hasSize(count);
            assertThat(status).doesNotContain("STALE", "ERROR", "NOT SENT");
        });
    }

    @Override
    public void close() {
        pilot.shutdownNow();
        http.shutdownNow();
        mesh.toHandle().destroy();
        try {
            mesh.waitFor();
        } catch (InterruptedException e) {
            mesh.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
