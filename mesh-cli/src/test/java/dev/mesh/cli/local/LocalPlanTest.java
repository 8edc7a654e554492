package dev.mesh.cli.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.mesh.api.read.ObjectReader;
import dev.mesh.cli.client.Failure;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.Test;

/// What a folder's Gateways make of the edge.
class LocalPlanTest {
    private static final String GATEWAY = """
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: NAME}
            spec:
              selector: {istio: LABEL}
              servers: [{port: {number: PORT, name: http, protocol: HTTP}, hosts: ["*"]}]
            ---
            """;

    private static String gateway(String name, String label, int port) {
        return GATEWAY.replace("NAME", name).replace("LABEL", label).replace("PORT", "" + port);
    }

    private static LocalPlan plan(String text, Map<Integer, Integer> edgePorts) {
        return plan(text, edgePorts, () -> 1);
    }

    private static LocalPlan plan(String text, Map<Integer, Integer> edgePorts, IntSupplier freePort) {
        var setting = new LocalPlan.Setting(Path.of("/mesh"), Path.of("/work"), 15010, 15000, Map.of(), edgePorts);
        return LocalPlan.of(ObjectReader.read("mesh.yaml", text).objects(), setting, freePort);
    }

    @Test
    void theEdgeListensWhereItIsTold() {
        var plan = plan(gateway("hello", "ingressgateway", 80), Map.of(80, 8081));

        assertThat(plan.urls()).containsExactly("http://127.0.0.1:8081/");
        assertThat(plan.bindings())
                .extracting(LocalPlan.Binding::port)
                .contains(8081)
                .doesNotContain(80);
        assertThat(plan.edge().json()).contains("\"MESH_APPLICATION_PORTS\":{\"80\":8081}");
    }

    /// It would answer there in the edge's place.
    @Test
    void noApplicationIsGivenAPortThatTheMeshListensOn() {
        String text = """
                apiVersion: networking.istio.io/v1
                kind: WorkloadEntry
                metadata: {name: hello}
                spec: {address: 127.0.9.1, ports: {http: 5000, other: 5001}}
                ---
                apiVersion: mesh.dev/v1alpha1
                kind: LocalProcess
                metadata: {name: hello}
                spec: {command: [hello]}
                ---
                """ + gateway("hello", "ingressgateway", 80) + gateway("web", "ingressgateway", 8080);
        var given = new ArrayDeque<>(List.of(8081, 20001, 8080, 15000, 15014, 15010, 20002));
        var plan = plan(text, Map.of(80, 8081), given::remove);

        assertThat(plan.applications().getFirst().environment())
                .containsEntry("PORT_HTTP", "20001")
                .containsEntry("PORT_OTHER", "20002");
    }

    @Test
    void twoPortsOfGatewaysCannotBecomeOne() {
        String text = gateway("hello", "ingressgateway", 80) + gateway("web", "ingressgateway", 8080);

        assertThatThrownBy(() -> plan(text, Map.of(80, 8080)))
                .isInstanceOf(Failure.class)
                .hasMessage("--edge-port: ports 80 and 8080 of the Gateways both become port 8080 of 127.0.0.1"
                        + " (expected: one each)");
    }

    @Test
    void aPortThatNoGatewayHasIsAMistake() {
        assertThatThrownBy(() -> plan(gateway("web", "ingressgateway", 8080), Map.of(80, 8081)))
                .isInstanceOf(Failure.class)
                .hasMessage("--edge-port 80=8081: no Gateway has port 80 (expected: one of [8080])");
    }

    @Test
    void theEdgeIsIstiosIngressGatewayAndOthersAreTold() {
        var plan = plan(gateway("out", "egressgateway", 9000) + gateway("in", "ingressgateway", 8080), Map.of());

        assertThat(plan.edge().labels()).containsExactly(Map.entry("istio", "ingressgateway"));
        assertThat(plan.urls()).containsExactly("http://127.0.0.1:8080/");
        assertThat(plan.remarks())
                .containsExactly("mesh.yaml:5:3: Gateway default/out: selects {istio=egressgateway}, and the edge is"
                        + " labelled {istio=ingressgateway}: nothing listens for it");
    }

    @Test
    void anotherLabelIsTakenWhereAllGatewaysHaveIt() {
        var plan = plan(gateway("in", "ingress", 8080), Map.of());

        assertThat(plan.edge().labels()).containsExactly(Map.entry("istio", "ingress"));
        assertThat(plan.remarks()).isEmpty();
    }
}
