package dev.mesh.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What people type, and what they read.
class MeshCtlTest {
    private static final String BOOTSTRAP = """
            static_resources:
              listeners:
              - name: web
                address: {socket_address: {address: 127.0.0.1, port_value: 8080}}
                filter_chains:
                - filters:
                  - name: http
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                      stat_prefix: web
                      route_config: {name: routes, virtual_hosts: [{name: all, domains: ["*"], routes: [{name: one, match: {path: /one}, direct_response: {status: 201}}]}]}
            """;

    @TempDir
    private Path work;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        var line = MeshCtl.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        return line.execute(args);
    }

    private String file(String name, String text) throws IOException {
        return Files.writeString(work.resolve(name), text).toString();
    }

    @Test
    void explainsByABootstrap() throws IOException {
        int code = run("explain", "http://127.0.0.1:8080/one", "--file", file("envoy.yaml", BOOTSTRAP));

        assertThat(code).isZero();
        assertThat(out.toString()).contains("answer 201 at once", "✓ one: path /one matches");
        assertThat(out.toString()).as("no colours but on a terminal").doesNotContain("\u001b");
    }

    @Test
    void explainsAsJsonAndYaml() throws IOException {
        String file = file("envoy.yaml", BOOTSTRAP);
        run("explain", "http://127.0.0.1:8080/one", "--file", file, "-o", "json");
        run("explain", "http://127.0.0.1:8080/one", "--file", file, "-o", "yaml");

        assertThat(out.toString()).contains("\"verdict\": \"answer 201 at once", "verdict: answer 201 at once");
    }

    @Test
    void whatNothingTakesIsAnExitCode() throws IOException {
        assertThat(run("explain", "http://127.0.0.1:8080/two", "--file", file("envoy.yaml", BOOTSTRAP)))
                .isEqualTo(1);
        assertThat(out.toString()).contains("no route of virtual host all matches: 404 (NR)");
    }

    @Test
    void mistakesAreOneSentence() throws IOException {
        assertThat(run("explain", "http://x/", "--file", "/no/such/file")).isEqualTo(1);
        assertThat(run("explain", "http://x/", "--file", file("x.json", "{}"))).isEqualTo(1);
        assertThat(run("explain", "http://x/")).isEqualTo(1);
        assertThat(run("proxy-config", "routes")).isEqualTo(1);

        assertThat(err.toString().lines())
                .containsExactly(
                        "meshctl: /no/such/file: no such file or folder",
                        "meshctl: " + work.resolve("x.json")
                                + ": neither a configuration dump (an object with \"configs\") nor a bootstrap with"
                                + " \"static_resources\"",
                        "meshctl: say whose proxy decides: --from WORKLOAD, --admin HOST:PORT or --file FILE"
                                + " (meshctl proxy-status lists the connected ones)",
                        "meshctl: say which proxy: PROXY, --admin HOST:PORT or --file FILE (meshctl proxy-status"
                                + " lists them)");
    }

    @Test
    void anAbsentPilotIsNamed() {
        assertThat(run("proxy-status", "--pilot", "127.0.0.1:1")).isEqualTo(1);

        assertThat(err.toString()).contains("no pilot answers at 127.0.0.1:1");
    }

    @Test
    void validateSaysWhatIsWrongAndWhere() throws IOException {
        String file = file("bad.yaml", """
                apiVersion: networking.istio.io/v1
                kind: VirtualService
                metadata: {name: web}
                spec:
                  hosts: [web]
                  http:
                  - route: [{destination: {host: web}, weight: -5}]
                """);

        assertThat(run("validate", "-f", file)).isEqualTo(1);
        assertThat(out.toString())
                .contains(
                        file
                                + ":7:40: error: VirtualService default/web: spec.http[0].route[0].weight: -5 (expected: 0 or more)")
                .contains("0 objects are fine, 1 error");
    }

    @Test
    void validateCountsWhatIsNoPartOfTheMesh() throws IOException {
        String file = file("app.yaml", """
                {apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}
                ---
                {apiVersion: apps/v1, kind: Deployment, metadata: {name: b}}
                ---
                {apiVersion: v1, kind: ServiceAccount, metadata: {name: a}}
                """);

        assertThat(run("validate", "-f", file)).isZero();
        assertThat(out.toString().lines())
                .containsExactly(
                        "left aside, of other API groups: 1 ServiceAccount, 2 Deployments (apps)",
                        "0 objects are fine, 0 errors");
    }

    @Test
    void aWrongWordIsAnsweredWithTheOneThatWasMeant() {
        assertThat(run("explian")).isEqualTo(2);
        assertThat(run("pc", "rotues", "web")).isEqualTo(2);
        assertThat(run("ps", "--outptu", "json")).isEqualTo(2);
        assertThat(run("ps", "-o", "josn")).isEqualTo(2);
        assertThat(run("up")).isEqualTo(2);
        assertThat(run("explain")).isEqualTo(2);

        assertThat(err.toString().lines())
                .containsExactly(
                        "meshctl: \"explian\": no such command (did you mean explain?) (expected: one of up, install,"
                                + " upgrade, uninstall, proxy-status, proxy-config, explain, validate, inject, check-inject, version, completion, help)",
                        "Try: meshctl --help",
                        "meshctl: \"rotues\": no such command (did you mean routes?) (expected: one of all, bootstrap,"
                                + " clusters, endpoints, listeners, log, names, routes)",
                        "Try: meshctl proxy-config --help",
                        "meshctl: --outptu: no such option of meshctl proxy-status (did you mean --output?)",
                        "Try: meshctl proxy-status --help",
                        "meshctl: Invalid value for option '--output': expected one of [TABLE, JSON, YAML]"
                                + " (case-insensitive) but was 'josn'",
                        "Try: meshctl proxy-status --help",
                        "meshctl: missing: FOLDER",
                        "Try: meshctl up --help",
                        "meshctl: say what is asked for: a URL, or --tcp HOST:PORT",
                        "Try: meshctl explain --help");
    }

    @Test
    void everyCommandHasHelpWithExamplesOrExitCodes() {
        var line = MeshCtl.commandLine();
        line.getSubcommands().forEach((name, command) -> {
            out.getBuffer().setLength(0);
            assertThat(run(name, "--help")).as(name).isZero();
            assertThat(out.toString()).as(name).contains("Usage: meshctl");
            if (!name.equals("help")) {
                assertThat(out.toString()).as(name).contains("--help", "Exit codes:", "2   the command line is off");
                assertThat(out.toString()).as(name).containsPattern("Examples:\n  .*meshctl ");
            }
        });
    }

    @Test
    void withoutACommandItSaysWhatThereIs() {
        assertThat(run()).isZero();
        assertThat(run("pc")).isZero();

        assertThat(out.toString()).contains("Usage: meshctl [-hV] COMMAND", "Usage: meshctl proxy-config [-h] WHAT");
    }

    @Test
    void anErrorOfItsOwnIsNamedAsSuch() {
        var mistakes = new Mistakes(picocli.CommandLine.Help.Ansi.OFF, false);
        var line = MeshCtl.commandLine();
        line.setErr(new PrintWriter(err, true));

        assertThat(mistakes.failure(new IllegalStateException("x"), line)).isEqualTo(3);
        assertThat(err.toString())
                .isEqualTo("meshctl: this is an error of meshctl itself: java.lang.IllegalStateException: x"
                        + " (MESH_DEBUG=1 shows where)\n");
    }

    @Test
    void proxyConfigReadsABootstrapLikeADump() throws IOException {
        String file = file("envoy.yaml", BOOTSTRAP);

        assertThat(run("pc", "l", "--file", file)).isZero();
        assertThat(run("proxy-config", "route", "-f", file)).isZero();
        assertThat(run("pc", "all", "-f", file)).isZero();
        assertThat(run("pc", "routes", "-f", file, "--name", "others", "-o", "json"))
                .isZero();

        assertThat(out.toString())
                .contains("127.0.0.1   8080   ALL     Inline Route: routes   web")
                .contains("routes   *         /one    answer 201    -")
                .endsWith("[]\n");
    }

    @Test
    void whateverAFileHoldsTheAnswerIsASentence() throws IOException {
        var bytes = Files.write(work.resolve("bytes"), new byte[] {(byte) 0xC3, 1, 2, 0})
                .toString();
        for (String text : new String[] {
            "[1]",
            "{\"configs\": [1]}",
            "{\"configs\": {}}",
            "{\"configs\": [{\"@type\": \"x.ListenersConfigDump\", \"dynamic_listeners\": [5]}]}",
            "{\"configs\": [",
            "{\"static_resources\": []}",
            "static_resources: {listeners: [{name: 5}, 6]}",
            "a: &a [*a]"
        }) {
            String name = file("some.json", text);
            assertThat(run("explain", "http://x/", "--file", name)).as(text).isLessThan(3);
            assertThat(run("pc", "all", "--file", name)).as(text).isLessThan(3);
            assertThat(run("pc", "endpoints", "--file", name)).as(text).isLessThan(3);
        }
        assertThat(run("pc", "l", "--file", bytes)).isEqualTo(1);
        assertThat(run("explain", "http://x/", "--file", bytes)).isEqualTo(1);
        assertThat(run("explain", ":::", "--file", bytes)).isEqualTo(1);
        assertThat(run("explain", "http://x:99999/", "--file", bytes)).isEqualTo(1);
        assertThat(run("pc", "l", "--admin", "nope")).isEqualTo(1);
        assertThat(run("pc", "l", "--admin", "127.0.0.1:1")).isEqualTo(1);

        assertThat(err.toString())
                .contains(
                        "bytes: is no UTF-8 text",
                        "port 99999 (expected: 1-65535)",
                        "no host (expected: http://host:port/path)",
                        "--admin: \"nope\" (expected: host:port)",
                        "127.0.0.1:1: nothing listens there")
                .doesNotContain("an error of meshctl itself");
    }

    @Test
    void namesThatAProxyAnswersAreATableOrJson() throws IOException {
        var admin = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        byte[] names = """
                {"table": {
                  "two.db.internal": {"ips": ["240.240.0.2"], "registry": "External"},
                  "cart.shop.svc.cluster.local": {"ips": ["10.96.0.1", "fd00::1"], "registry": "Kubernetes", "shortname": "cart", "namespace": "shop"}
                }}
                """.getBytes(StandardCharsets.UTF_8);
        admin.createContext("/debug/ndsz", exchange -> {
            exchange.sendResponseHeaders(200, names.length);
            exchange.getResponseBody().write(names);
            exchange.close();
        });
        admin.start();
        try {
            String at = "127.0.0.1:" + admin.getAddress().getPort();
            assertThat(run("proxy-config", "names", "--admin", at)).isZero();
            assertThat(out.toString()
                            .lines()
                            .map(line -> line.replaceAll(" +", " ").strip()))
                    .containsExactly(
                            "NAME ADDRESSES REGISTRY NAMESPACE",
                            "cart.shop.svc.cluster.local 10.96.0.1,fd00::1 Kubernetes shop",
                            "two.db.internal 240.240.0.2 External -");
            out.getBuffer().setLength(0);
            assertThat(run("pc", "n", "--admin", at, "--fqdn", "two.db", "-o", "json"))
                    .isZero();
            assertThat(run("pc", "n", "--admin", at, "--address", "fd00::1", "-o", "json"))
                    .isZero();
            assertThat(out.toString()).containsOnlyOnce("\"two.db.internal\"").containsOnlyOnce("\"cart.shop");
        } finally {
            admin.stop(0);
        }
        assertThat(run("pc", "names", "--file", file("envoy.yaml", BOOTSTRAP))).isEqualTo(1);
        assertThat(err.toString()).contains("the table of names is in no file: ask a proxy that runs");
    }

    @Test
    void validateReadsStandardInputAndAnswersAsJson() {
        var before = System.in;
        try {
            System.setIn(new java.io.ByteArrayInputStream("kind: [".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
            assertThat(run("validate", "-f", "-", "-o", "json")).isEqualTo(1);
        } finally {
            System.setIn(before);
        }
        assertThat(out.toString()).contains("\"errors\": 1", "\"position\": \"stdin:1:8\"", "MALFORMED_YAML");
    }

    @Test
    void completionCompletesInBashAndZsh() throws Exception {
        assertThat(run("completion", "fish")).isEqualTo(1);
        assertThat(err.toString()).contains("\"fish\" (expected: bash or zsh)");
        run("completion");
        String script = file("meshctl.bash", out.toString());
        out.getBuffer().setLength(0);
        run("completion", "zsh");
        String zsh = file("meshctl.zsh", out.toString());
        String ask = "COMP_WORDS=(meshctl proxy-config %s); COMP_CWORD=2; COMP_LINE='meshctl proxy-config %s';"
                + " _complete_meshctl; echo \"${COMPREPLY[@]}\"";

        assertThat(shell("bash", "-c", "source " + script + "; " + ask.formatted("''", "")))
                .contains("routes", "clusters");
        assertThat(shell("bash", "-c", "source " + script + "; " + ask.formatted("li", "li")))
                .contains("listeners");
        if (Files.isExecutable(Path.of("/usr/bin/zsh")) || Files.isExecutable(Path.of("/bin/zsh"))) {
            assertThat(shell("zsh", "-fc", "source " + zsh + "; echo ${_comps[meshctl]}"))
                    .contains("_complete_meshctl");
        }
    }

    private static String shell(String... command) throws IOException, InterruptedException {
        var process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        process.waitFor();
        return said;
    }
}
