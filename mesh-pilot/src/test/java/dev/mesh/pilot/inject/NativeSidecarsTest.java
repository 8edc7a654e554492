package dev.mesh.pilot.inject;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.JsonTree;
import dev.mesh.api.read.ObjectReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NativeSidecarsTest {
    @ParameterizedTest
    @CsvSource({
        "v1.28.15, NONE",
        "v1.29.0, POSSIBLE",
        "1.32+, POSSIBLE",
        "v1.33.1-eks-0123, USUAL",
        "v1.35.4+k3s1, USUAL",
        "v2.0.0, USUAL",
        "v0.99.0, NONE",
        "unknown, NONE",
        "'', NONE"
    })
    void whatAVersionRuns(String version, NativeSidecars expected) {
        assertThat(NativeSidecars.of(version)).isEqualTo(expected);
    }

    private static List<MeshObject> nodes(String... versions) {
        var all = new ArrayList<MeshObject>();
        for (int i = 0; i < versions.length; i++) {
            String node = """
                    apiVersion: v1
                    kind: Node
                    metadata: {name: node-%d}
                    status: {nodeInfo: {kubeletVersion: %s, architecture: amd64}}
                    """.formatted(i, versions[i]);
            all.addAll(ObjectReader.read("node.yaml", node.getBytes(StandardCharsets.UTF_8))
                    .objects());
        }
        return all;
    }

    private static Injection inject(List<MeshObject> objects, String annotation) {
        var pod = (JsonObject) JsonTree.parse("""
                metadata: {name: web, labels: {mesh.dev/injection: enabled}, annotations: {%s}}
                spec: {containers: [{name: app, image: app}]}
                """.formatted(annotation));
        var settings = InjectionSettings.read("", "", "", "default", "mesh-system")
                .withNativeSidecars(NativeSidecars.USUAL)
                .withObjects(objects);
        return PodInjector.inject(pod, "shop", Map.of("mesh.dev/injection", "enabled"), settings);
    }

    private static boolean isNative(Injection injection) {
        assertThat(injection).isInstanceOf(Injection.Injected.class);
        return Json.objects(((Injection.Injected) injection).pod(), "spec", "initContainers").stream()
                .anyMatch(container -> Json.text(container, "name").equals("istio-proxy"));
    }

    @Test
    void oneOldNodeGivesAllTheClassicForm() {
        assertThat(isNative(inject(nodes("v1.35.4", "v1.33.0"), ""))).isTrue();
        assertThat(isNative(inject(nodes("v1.35.4", "v1.32.9"), ""))).isFalse();
        assertThat(isNative(inject(List.of(), "")))
                .as("no node is known, the API server is new")
                .isTrue();
    }

    @Test
    void whoAsksForItGetsItWhereEveryNodeRunsIt() {
        String asked = "sidecar.istio.io/nativeSidecar: \"true\"";
        assertThat(isNative(inject(nodes("v1.35.4", "v1.29.1"), asked))).isTrue();
        assertThat(inject(nodes("v1.35.4", "v1.28.0"), asked))
                .isInstanceOfSatisfying(
                        Injection.Refused.class,
                        refused -> assertThat(refused.findings().toString())
                                .contains("Kubernetes 1.29 or newer on the API server and on every node, or false"));
    }
}
