package dev.mesh.pilot.render;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.mesh.api.read.ObjectReader;
import java.util.List;
import org.junit.jupiter.api.Test;

class RenderCommandTest {
    private static final String CONFIGURATION = """
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: shop}
            spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: web-1, namespace: shop}
            spec: {address: 127.0.1.1, labels: {app: web}, ports: {http: 8080}}
            ---
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: web, namespace: shop}
            spec:
              hosts: [web]
              http:
              - name: others
                match: [{sourceLabels: {app: other}}]
                route: [{destination: {host: web}}]
              - name: all
                route: [{destination: {host: nowhere}}]
              tcp:
              - route: [{destination: {host: web}}]
            """;

    private static JsonObject render(String node) {
        var read = ObjectReader.read("web.yaml", CONFIGURATION);
        return JsonParser.parseString(RenderCommand.render(read.objects(), read.findings(), List.of(), node))
                .getAsJsonObject();
    }

    @Test
    void tellsFindingsResourcesLeftOutRulesAndPlaces() {
        var rendered = render("web-1");

        assertThat(rendered.getAsJsonArray("findings").toString())
                .contains("nowhere.shop.svc.cluster.local is no service that is known", "web.yaml:21:28");
        assertThat(rendered.getAsJsonObject("config").getAsJsonArray("configs")).hasSize(4);
        assertThat(rendered.getAsJsonArray("leftOut").toString()).contains("others", "sourceLabels: {app=other}");
        assertThat(rendered.getAsJsonObject("positions")
                        .get("VirtualService shop/web all")
                        .getAsString())
                .isEqualTo("web.yaml:20:5");
        assertThat(rendered.getAsJsonObject("positions")
                        .get("VirtualService shop/web tcp")
                        .getAsString())
                .isEqualTo("web.yaml:23:5");
    }

    @Test
    void ofASecretThatIsNotInTheFolderItSaysSoAndOfNoRightsThatNobodyCouldHaveProven() {
        var read = ObjectReader.read("edge.yaml", """
                apiVersion: networking.istio.io/v1
                kind: Gateway
                metadata: {name: edge, namespace: shop}
                spec:
                  selector: {istio: ingressgateway}
                  servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: a-cert}}]
                """);

        String rendered = RenderCommand.render(read.objects(), read.findings(), List.of(), "edge");

        assertThat(JsonParser.parseString(rendered)
                        .getAsJsonObject()
                        .getAsJsonArray("leftOut")
                        .toString())
                .contains("Secret a-cert has no certificate and key, or is not there, in namespace shop")
                .doesNotContain("is not given");
    }

    @Test
    void aNodeMayBeNamedByItsId() {
        assertThat(render("sidecar~127.0.1.1~web-1.shop~shop.svc.cluster.local").has("config"))
                .isTrue();
    }

    @Test
    void withoutANodeThereAreFindingsOnly() {
        assertThat(render("").keySet()).containsExactly("findings");
    }

    @Test
    void anUnknownNodeIsNamedWithTheKnownOnes() {
        assertThatThrownBy(() -> render("nobody"))
                .hasMessageContaining("nobody")
                .hasMessageContaining("web-1");
        assertThatThrownBy(() -> render("sidecar~x")).hasMessageContaining("no node id");
    }
}
