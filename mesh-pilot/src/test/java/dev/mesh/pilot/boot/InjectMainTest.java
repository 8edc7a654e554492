package dev.mesh.pilot.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.mesh.api.read.JsonTree;
import dev.mesh.pilot.inject.Json;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What `meshctl inject` and `meshctl check-inject` run.
class InjectMainTest {
    private static final String POD = """
            apiVersion: v1
            kind: Pod
            metadata: {name: web}
            spec: {containers: [{name: web, image: "web:1"}]}
            """;

    @TempDir
    private Path work;

    private String file(String name, String text) throws IOException {
        return Files.writeString(work.resolve(name), text).toString();
    }

    private static JsonObject run(String... arguments) throws IOException {
        return JsonParser.parseString(InjectMain.run("inject", List.of(arguments)))
                .getAsJsonObject();
    }

    @Test
    void manifestsAreInjectedBySettingsFromFiles() throws IOException {
        JsonObject answer = run(
                "--file",
                file("pod.yaml", POD + "---\n" + POD.replace("spec: {", "spec: {hostNetwork: true, ")),
                "--values",
                file("values.json", "{\"global\": {\"tag\": \"7\"}}"),
                "--inject-config",
                file("config.yaml", "policy: enabled\n"));

        assertThat(Json.text(answer, "refused")).isEqualTo("false");
        var documents = JsonTree.parseAll(Json.text(answer, "yaml"));
        assertThat(documents).hasSize(2);
        assertThat(documents.getFirst().toString()).contains("docker.io/mesh/proxy:7", "\"restartPolicy\":\"Always\"");
        assertThat(documents.getLast().toString()).doesNotContain("istio-proxy");
        assertThat(answer.getAsJsonArray("skipped").toString()).contains("Pod default/web gets no proxy: it is on its");
    }

    @Test
    void theClassicFormMayBeAskedFor() throws IOException {
        JsonObject answer =
                run("--file", file("pod.yaml", POD), "--values", file("v.json", "{}"), "--native-sidecars", "false");
        assertThat(Json.text(answer, "yaml")).doesNotContain("restartPolicy");
    }

    @Test
    void whatCannotBeReadIsNamed() throws IOException {
        String pod = file("pod.yaml", POD);
        assertThatThrownBy(() -> run("--file", work.resolve("none.yaml").toString(), "--values", file("v.json", "{}")))
                .hasMessageContaining("none.yaml: cannot be read");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> run("--file", file("bad.yaml", "a: [b"), "--values", file("v.json", "{}")))
                .withMessageContaining("bad.yaml: ");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> run("--file", pod, "--inject-config", file("c.yaml", "policies: enabled")))
                .withMessageStartingWith("config.policies: unknown (expected: aliases, alwaysInjectSelector, ");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> run("--file", pod, "--nothing", "x"))
                .withMessage("--nothing: unknown option");
    }

    @Test
    void aClusterThatDoesNotAnswerIsSaidInOneSentence() throws IOException {
        int free;
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            free = socket.getLocalPort();
        }
        String kubeconfig = file("kubeconfig", """
                apiVersion: v1
                kind: Config
                clusters: [{name: c, cluster: {server: "http://127.0.0.1:%d"}}]
                users: [{name: u, user: {token: t}}]
                contexts: [{name: x, context: {cluster: c, user: u}}]
                current-context: x
                """.formatted(free));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> run("--file", file("pod.yaml", POD), "--kubeconfig", kubeconfig))
                .withMessageStartingWith(
                        "the cluster cannot be asked: http://127.0.0.1:" + free + "/ gives no answer (")
                .withMessageEndingWith(
                        "(expected: --kubeconfig, or --inject-config, --values or --mesh-config with files)");
    }
}
