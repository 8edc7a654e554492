package dev.mesh.pilot.inject;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.mesh.api.read.JsonTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestsTest {
    private static final InjectionSettings SETTINGS = InjectionSettings.read("", "", "", "", "");

    private static Manifests.Result inject(String yaml) {
        return Manifests.inject(JsonTree.parseAll(yaml), SETTINGS);
    }

    private static List<String> containers(JsonElement object, String... path) {
        return Json.objects(object.getAsJsonObject(), path).stream()
                .map(container -> Json.text(container, "name"))
                .toList();
    }

    @Test
    void everyKindWithPodsGetsProxiesAndNothingElseDoes() {
        String pod = "{metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: a}]}}";
        String cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {jobTemplate: {spec: {template: "
                + pod + "}}}\n";
        String service = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n";
        for (String kind : List.of("Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet")) {
            var result = inject("apiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: d}\nspec: {template: " + pod
                    + "}\n---\n" + service + "---\n" + cron);
            assertThat(containers(result.objects().getFirst(), "spec", "template", "spec", "initContainers"))
                    .as(kind)
                    .containsExactly("istio-init", "istio-proxy");
            assertThat(result.objects().get(1)).isEqualTo(JsonTree.parse(service));
            assertThat(containers(
                            result.objects().get(2),
                            "spec",
                            "jobTemplate",
                            "spec",
                            "template",
                            "spec",
                            "initContainers"))
                    .containsExactly("istio-init", "istio-proxy");
        }
    }

    @Test
    void aListIsGoneThrough() {
        var result = inject("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: p},"
                + " spec: {containers: [{name: a, image: a}]}}\n- {apiVersion: v1, kind: Pod, metadata: {name: h},"
                + " spec: {hostNetwork: true, containers: [{name: a, image: a}]}}\n");
        List<JsonObject> items = Json.objects(result.objects().getFirst().getAsJsonObject(), "items");
        assertThat(containers(items.getFirst(), "spec", "initContainers")).contains("istio-proxy");
        assertThat(Json.at(items.getLast(), "spec", "initContainers")).isNull();
        assertThat(result.skipped())
                .containsExactly("Pod default/h gets no proxy: it is on its host's network, where interception would"
                        + " take the node's traffic");
    }

    @Test
    void aRefusedOneStaysAndSaysWhereInItsOwnFields() {
        var result = inject("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: n}\nspec: {template:"
                + " {spec: {containers: [{name: a, image: a, securityContext: {runAsUser: 1337}}]}}}\n");
        assertThat(result.refused()).isTrue();
        assertThat(result.findings())
                .singleElement()
                .hasToString("error: Deployment n/d: spec.template.spec.containers[0].securityContext.runAsUser: 1337"
                        + " is the proxy's own, whose traffic is not intercepted (expected: another)");
    }

    @Test
    void whatIsPrintedIsReadByToolsOfYaml11AsTexts() {
        assertThat(Yaml.print(Json.of("on", "yes", "octal", "0o7", "sexagesimal", "12:30", "number", 7, "e", "1e3")))
                .isEqualTo("\"on\": \"yes\"\noctal: \"0o7\"\nsexagesimal: \"12:30\"\nnumber: 7\ne: \"1e3\"\n");
    }

    /// Istio's samples as published, where they lie beside this repository.
    @ParameterizedTest
    @ValueSource(
            strings = {
                "bookinfo/platform/kube/bookinfo.yaml",
                "bookinfo/platform/kube/bookinfo-ratings-v2.yaml",
                "helloworld/helloworld.yaml",
                "tcp-echo/tcp-echo.yaml",
                "tcp-echo/tcp-echo-services.yaml",
                "tcp-echo/tcp-echo-dual-stack.yaml"
            })
    void istiosSamplesGetProxiesWithoutARemark(String file) throws IOException {
        Path folder = Path.of("").toAbsolutePath();
        while (folder.getParent() != null && !Files.exists(folder.resolve("shared/samples/istio"))) {
            folder = folder.getParent();
        }
        Path sample = folder.resolve("shared/samples/istio").resolve(file);
        assumeThat(sample).exists();
        var result = inject(Files.readString(sample));
        assertThat(result.findings()).isEmpty();
        var deployments = result.objects().stream()
                .map(JsonElement::getAsJsonObject)
                .filter(object -> Json.text(object, "kind").equals("Deployment"))
                .toList();
        assertThat(deployments)
                .isNotEmpty()
                .allSatisfy(
                        deployment -> assertThat(containers(deployment, "spec", "template", "spec", "initContainers"))
                                .containsExactly("istio-init", "istio-proxy"));
    }
}
