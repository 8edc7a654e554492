package dev.mesh.pilot.inject;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.gson.JsonObject;
import dev.mesh.api.read.JsonTree;
import org.junit.jupiter.api.Test;

class StrategicMergeTest {
    private static JsonObject tree(String yaml) {
        return JsonTree.parse(yaml).getAsJsonObject();
    }

    private static void merges(String pod, String patch, String expected) {
        assertThat(StrategicMerge.merge(tree(pod), tree(patch))).isEqualTo(tree(expected));
    }

    @Test
    void joinsContainersAndWhatTheyHaveByName() {
        merges(
                "spec: {containers: [{name: a, image: 'a:1', args: [x], env: [{name: E, value: '1'}]}, {name: b}]}",
                "spec: {containers: [{name: a, args: [y], env: [{name: F, value: '2'}]}, {name: c}]}",
                "spec: {containers: [{name: a, image: 'a:1', args: [y], env: [{name: E, value: '1'},"
                        + " {name: F, value: '2'}]}, {name: b}, {name: c}]}");
    }

    @Test
    void nullTakesAFieldAway() {
        merges("spec: {dnsPolicy: None, nodeName: a}", "spec: {dnsPolicy: null}", "spec: {nodeName: a}");
    }

    @Test
    void directivesDeleteAndReplace() {
        merges(
                "spec: {containers: [{name: a}, {name: b}], securityContext: {runAsUser: 1}}",
                "spec: {containers: [{name: a, $patch: delete}], securityContext: {$patch: replace, fsGroup: 2}}",
                "spec: {containers: [{name: b}], securityContext: {fsGroup: 2}}");
    }

    @Test
    void aVolumeHasOneSource() {
        merges(
                "spec: {volumes: [{name: v, emptyDir: {}}]}",
                "spec: {volumes: [{name: v, configMap: {name: c}}]}",
                "spec: {volumes: [{name: v, configMap: {name: c}}]}");
    }

    @Test
    void whatCannotBeMergedIsNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> StrategicMerge.merge(tree("{}"), tree("spec: {containers: [{image: a}]}")))
                .withMessage("spec.containers: an item has no name");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> StrategicMerge.merge(tree("{}"), tree("spec: {$retainKeys: [a]}")))
                .withMessage("spec.$retainKeys: a directive that is not known here (expected: $patch)");
    }
}
