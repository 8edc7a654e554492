package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
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
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// One bootstrap in real Envoy and in mesh-proxy: their admin endpoints take and refuse the same questions, and what
/// tools parse has the same parts.
@EnabledIfSystemProperty(named = "envoy", matches = ".+")
class AdminInteropTest {
    private static final String BOOTSTRAP = """
            node: {id: one, cluster: two}
            admin: {address: {socket_address: {address: 127.0.0.1, port_value: ADMIN}}}
            static_resources:
              listeners:
              - name: web
                address: {socket_address: {address: 127.0.0.1, port_value: 0}}
                filter_chains:
                - filters:
                  - name: http
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                      stat_prefix: web
                      http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
                      route_config: {name: routes, virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: app}}]}]}
              clusters:
              - name: app
                type: STATIC
                load_assignment: {cluster_name: app, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 9}}}}]}]}
            """;

    /// Asked of both; the status has to be the same.
    private static final List<String> QUESTIONS = List.of(
            "GET /",
            "GET /help",
            "GET /nope",
            "GET /ready",
            "GET /server_info",
            "GET /certs",
            "GET /memory",
            "GET /init_dump",
            "GET /hot_restart_version",
            "GET /clusters",
            "GET /clusters?format=json",
            "GET /clusters?filter=app",
            "GET /listeners",
            "GET /listeners?format=json",
            "GET /config_dump",
            "GET /config_dump?include_eds",
            "GET /config_dump?resource=static_clusters",
            "GET /config_dump?resource=static_clusters&mask=cluster.name",
            "GET /config_dump?resource=static_clusters&mask=nope",
            "GET /config_dump?resource=dynamic_listeners",
            "GET /config_dump?resource=nope",
            "GET /config_dump?resource=bootstrap",
            "GET /config_dump?mask=bootstrap",
            "GET /config_dump?name_regex=app",
            "GET /config_dump?name_regex=(",
            "GET /stats",
            "GET /stats?usedonly",
            "GET /stats?filter=cluster",
            "GET /stats?filter=(",
            "GET /stats?format=json",
            "GET /stats?format=prometheus",
            "GET /stats?format=nope",
            "GET /stats?type=Gauges",
            "GET /stats?type=nope",
            "GET /stats/prometheus",
            "GET /logging",
            "POST /logging",
            "POST /logging?level=info",
            "POST /logging?level=nope",
            "POST /reset_counters",
            "GET /reset_counters",
            "GET /quitquitquit",
            "GET /drain_listeners",
            "GET /healthcheck/fail",
            "POST /healthcheck/fail",
            "GET /ready",
            "POST /healthcheck/ok",
            "GET /ready",
            "POST /drain_listeners?inboundonly",
            "POST /drain_listeners",
            "POST /quitquitquit");

    /// Forms that tools parse; each part of mesh-proxy's answer is one that Envoy's has too, or could have.
    private static final List<String> FORMS = List.of(
            "/clusters?format=json", "/listeners?format=json", "/config_dump?include_eds&name_regex=app|web|routes");

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    @Test
    void bothAdminEndpointsTakeTheSameQuestions() throws Exception {
        int theirs = Fixture.freePort();
        int ours = Fixture.freePort();
        try (var envoy = Program.run(
                        List.of(
                                System.getProperty("envoy"),
                                "-c",
                                bootstrap("envoy", theirs),
                                "--concurrency",
                                "1",
                                "--use-dynamic-base-id"),
                        work.resolve("envoy.log"));
                var proxy = Program.start(
                        "mesh-proxy",
                        "dev.mesh.proxy.boot.MeshProxy",
                        work.resolve("proxy.log"),
                        List.of("-c", bootstrap("proxy", ours)))) {
            for (int port : new int[] {theirs, ours}) {
                await().atMost(Duration.ofSeconds(30)).until(() -> isReady(port));
            }
            for (String form : FORMS) {
                var missing = new TreeSet<>(paths(ask(theirs, "GET " + form).body()));
                missing.removeAll(paths(ask(ours, "GET " + form).body()));
                // What Envoy says of its own build, and statistics of health checks that it has not made.
                missing.removeIf(path -> path.startsWith("configs[].bootstrap"));
                missing.removeIf(path -> path.startsWith("configs[].last_updated"));
                assertThat(missing).as(form).isEmpty();
            }
            assertThat(clusterLines(ours)).isEqualTo(clusterLines(theirs));
            var differences = new ArrayList<String>();
            for (String question : QUESTIONS) {
                int expected = ask(theirs, question).statusCode();
                int got = ask(ours, question).statusCode();
                if (got != expected) {
                    differences.add(question + ": " + got + " (Envoy: " + expected + ")");
                }
            }
            assertThat(differences).isEmpty();
            await().atMost(Duration.ofSeconds(30)).until(() -> !proxy.isAlive() && !envoy.isAlive());
        } finally {
            http.close();
        }
    }

    private String bootstrap(String name, int admin) throws IOException {
        return Files.writeString(work.resolve(name + ".yaml"), BOOTSTRAP.replace("ADMIN", "" + admin))
                .toString();
    }

    private HttpResponse<String> ask(int port, String question) throws IOException, InterruptedException {
        String[] words = question.split(" ", 2);
        String path = words[1].replace("(", "%28").replace("|", "%7C");
        return http.send(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                        .timeout(Duration.ofSeconds(10))
                        .method(words[0], HttpRequest.BodyPublishers.noBody())
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    private boolean isReady(int port) throws InterruptedException {
        try {
            return ask(port, "GET /ready").statusCode() == 200;
        } catch (IOException e) {
            return false;
        }
    }

    /// What the text of `/clusters` says of each cluster and host, in this order, without the values.
    private List<String> clusterLines(int port) throws IOException, InterruptedException {
        return ask(port, "GET /clusters")
                .body()
                .lines()
                .map(line -> line.substring(0, line.lastIndexOf("::")))
                .toList();
    }

    /// The field paths of a JSON text, without positions in lists.
    private static TreeSet<String> paths(String json) {
        var paths = new TreeSet<String>();
        collect(JsonParser.parseString(json), "", paths);
        return paths;
    }

    private static void collect(JsonElement element, String path, TreeSet<String> paths) {
        if (element.isJsonObject()) {
            element.getAsJsonObject()
                    .entrySet()
                    .forEach(entry -> collect(
                            entry.getValue(), path.isEmpty() ? entry.getKey() : path + "." + entry.getKey(), paths));
        } else if (element.isJsonArray()) {
            element.getAsJsonArray().forEach(item -> collect(item, path + "[]", paths));
        } else {
            paths.add(path);
        }
    }
}
