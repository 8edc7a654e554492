package dev.mesh.pilot.inject;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import dev.mesh.api.read.JsonTree;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// With the node agent, what is added to a pod is allowed by the level `restricted` of Kubernetes' Pod Security
/// Standards.
class RestrictedTest {
    private static final List<String> VOLUMES = List.of(
            "name",
            "configMap",
            "csi",
            "downwardAPI",
            "emptyDir",
            "ephemeral",
            "persistentVolumeClaim",
            "projected",
            "secret");

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void nothingThatIsAddedNeedsAPrivilege(boolean nativeSidecars) {
        JsonObject pod = JsonTree.parse("""
                        metadata: {name: cart}
                        spec: {containers: [{name: app, image: "app:1"}]}
                        """).getAsJsonObject();
        var settings = InjectionSettings.read("{}", "{\"global\": {\"nodeAgent\": {\"enabled\": true}}}", "{}", "", "")
                .withNativeSidecars(nativeSidecars ? NativeSidecars.USUAL : NativeSidecars.NONE);

        var injected = (Injection.Injected) PodInjector.inject(pod, "shop", Map.of(), settings);

        var added = new ArrayList<>(Json.objects(injected.pod(), "spec", "initContainers"));
        added.addAll(Json.objects(injected.pod(), "spec", "containers"));
        added.removeIf(container -> Json.text(container, "name").equals("app"));
        assertThat(added)
                .extracting(container -> Json.text(container, "name"))
                .containsExactlyInAnyOrder("istio-validation", "istio-proxy");
        assertThat(added).allSatisfy(container -> {
            JsonObject context = Json.object(container, "securityContext");
            assertThat(Json.text(context, "allowPrivilegeEscalation")).isEqualTo("false");
            assertThat(Json.text(context, "privileged")).isEqualTo("false");
            assertThat(Json.text(context, "runAsNonRoot")).isEqualTo("true");
            assertThat(Json.text(context, "runAsUser")).isEqualTo("1337");
            assertThat(Json.text(context, "seccompProfile", "type")).isEqualTo("RuntimeDefault");
            assertThat(Json.at(context, "capabilities")).hasToString("{\"drop\":[\"ALL\"]}");
        });
        assertThat(Json.objects(injected.pod(), "spec", "volumes"))
                .isNotEmpty()
                .allSatisfy(volume -> assertThat(VOLUMES).containsAll(volume.keySet()));
        assertThat(Json.object(injected.pod(), "spec").keySet()).doesNotContain("hostNetwork", "hostPID", "hostIPC");
    }
}
