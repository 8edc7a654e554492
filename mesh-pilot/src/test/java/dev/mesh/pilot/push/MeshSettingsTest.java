package dev.mesh.pilot.push;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.ObjectReader;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class MeshSettingsTest {
    private static final ResourceRef REF = new ResourceRef("", "ConfigMap", "mesh-system", "mesh");

    private static List<MeshObject> objects(String settings) {
        var objects = new ArrayList<>(ObjectReader.read("x.yaml", """
                apiVersion: v1
                kind: Namespace
                metadata: {name: shop, labels: {mesh: "yes", stage: prod}}
                ---
                apiVersion: v1
                kind: Namespace
                metadata: {name: other, labels: {stage: test}}
                ---
                apiVersion: v1
                kind: Service
                metadata: {name: web, namespace: shop}
                spec: {ports: [{name: http, port: 80}]}
                ---
                apiVersion: v1
                kind: Service
                metadata: {name: web, namespace: other}
                spec: {ports: [{name: http, port: 80}]}
                """).objects());
        var read = ObjectReader.readMeshConfig(REF, settings);
        assertThat(read.findings()).isEmpty();
        objects.addAll(read.objects());
        return objects;
    }

    private static PushContext push(String settings) {
        return new Snapshots().next(objects(settings), 0).context();
    }

    @Test
    void onlyNamespacesThatASelectorTakesAreRead() {
        assertThat(push("{}").services()).hasSize(2);
        assertThat(push("discoverySelectors: [{matchLabels: {mesh: 'yes'}}]").services())
                .containsOnlyKeys("web.shop.svc.cluster.local");
        assertThat(push("discoverySelectors: [{matchExpressions: [{key: mesh, operator: DoesNotExist}]}]")
                        .services())
                .containsOnlyKeys("web.other.svc.cluster.local");
        assertThat(push("discoverySelectors: [{matchExpressions: [{key: stage, operator: In, values: [prod, test]}]}]")
                        .services())
                .hasSize(2);
    }

    @Test
    void whatIsNotHonouredIsSaid() {
        assertThat(push("""
                        outboundTrafficPolicy: {mode: REGISTRY_ONLY}
                        accessLogFile: /dev/stdout
                        trustDomain: example.com
                        enableTracing: true
                        ingressClass: istio
                        """).findings())
                .extracting(Finding::path)
                .containsExactlyInAnyOrder("enableTracing", "ingressClass");
    }

    @Test
    void whatCannotBeReadIsSaidWithItsLine() {
        assertThat(ObjectReader.readMeshConfig(REF, "trustDomain: a\noutboundTrafficPolicy: {mode: ALLOW_ALL}\n")
                        .findings())
                .extracting(Finding::toString)
                .singleElement()
                .asString()
                .startsWith("ConfigMap mesh-system/mesh:2:")
                .contains("outboundTrafficPolicy.mode", "did you mean ALLOW_ANY?");
        assertThat(ObjectReader.readMeshConfig(REF, "outboundTrafficPolizy: {}\n")
                        .findings())
                .extracting(Finding::toString)
                .singleElement()
                .asString()
                .contains("did you mean outboundTrafficPolicy");
    }
}
