package dev.mesh.proxy.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.mesh.proxy.filter.ConfigRejected;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("NullAway.Init") // set by JUnit
class RepairTest {
    private static final String POD = "/api/v1/namespaces/shop/pods/cart";

    @TempDir
    private Path folder;

    private ApiStandIn api;

    @BeforeEach
    void starts() throws Exception {
        api = new ApiStandIn(folder);
        api.objects.put("/api/v1/pods", "{\"items\": [" + PodRulesTest.INJECTED + "]}");
    }

    @AfterEach
    void ends() {
        api.close();
    }

    private Repair repair(Repair.Action action, String... more) throws ConfigRejected {
        var args = new ArrayList<>(List.of(
                "--node=node1",
                "--namespace=mesh-system",
                "--repair=" + action.name().toLowerCase(Locale.ROOT),
                "--repair-label=broken=yes"));
        args.addAll(List.of(more));
        return new Repair(new KubeApi(api.address(), folder), NodeSettings.parse(args, Map.of()), () -> Instant.EPOCH);
    }

    private JsonObject broken(boolean controlled) {
        JsonObject pod = PodRulesTest.status("{\"waiting\": {}}", 126);
        pod.getAsJsonObject("metadata").addProperty("resourceVersion", "7");
        if (controlled) {
            pod.getAsJsonObject("metadata")
                    .add(
                            "ownerReferences",
                            JsonParser.parseString("[{\"kind\": \"ReplicaSet\", \"controller\": true}]"));
        }
        api.objects.put(POD, pod.toString());
        api.objects.put("/api/v1/pods", "{\"items\": [" + pod + "]}");
        return pod;
    }

    @Test
    void aPodWithRulesIsLeftAlone() throws Exception {
        repair(Repair.Action.DELETE).look();
        assertThat(api.asked).isEmpty();
    }

    @Test
    void theVeryPodIsDeletedOnce() throws Exception {
        broken(true);
        Repair repair = repair(Repair.Action.DELETE);
        repair.look();
        repair.look();
        assertThat(api.asked).hasSize(2);
        assertThat(api.asked.getFirst())
                .startsWith("DELETE " + POD)
                .contains("\"preconditions\":{\"uid\":\"u1\",\"resourceVersion\":\"7\"}");
        assertThat(api.asked.getLast())
                .startsWith("POST /api/v1/namespaces/shop/events")
                .contains("DeleteBrokenPod", "1970-01-01T00:00:00Z");
    }

    @Test
    void aPodThatNobodyWouldMakeAnewIsOnlySpokenOf() throws Exception {
        broken(false);
        repair(Repair.Action.DELETE).look();
        assertThat(api.asked).singleElement().asString().startsWith("POST ").contains("delete it and create it again");
    }

    @Test
    void aPodThatWouldComeUpInTheSameWayAgainIsOnlySpokenOf() throws Exception {
        broken(true);
        repair(Repair.Action.DELETE, "--exclude-namespaces=kube-system,shop").look();
        assertThat(api.asked)
                .singleElement()
                .asString()
                .startsWith("POST ")
                .contains("and the node agent lays none: its namespace shop is excluded");
    }

    @Test
    void aLabelComesByTheStatus() throws Exception {
        broken(true);
        repair(Repair.Action.LABEL).look();
        assertThat(api.asked.getFirst())
                .startsWith("PUT " + POD + "/status")
                .contains("\"labels\":{\"app\":\"cart\",\"broken\":\"yes\"}");
    }

    @Test
    void nothingIsDoneUnlessAskedFor() throws Exception {
        broken(true);
        repair(Repair.Action.NONE).look();
        assertThat(api.asked).isEmpty();
    }

    @Test
    void whyTheApiServerCannotBeAskedIsSaid() throws Exception {
        Files.writeString(folder.resolve("token"), "old");
        assertThatThrownBy(() -> repair(Repair.Action.DELETE).look())
                .isInstanceOfSatisfying(
                        KubeApi.Refused.class,
                        refused -> assertThat(refused.status()).isEqualTo(401))
                .hasMessageContaining("the API server says 401, Unauthorized");
        var nobody = new KubeApi(URI.create("https://127.0.0.1:1"), folder);
        assertThatThrownBy(() -> nobody.get("/x")).hasMessageContaining("https://127.0.0.1:1 cannot be asked");
    }
}
