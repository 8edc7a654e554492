package dev.mesh.pilot.boot;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What `meshctl validate` runs.
class PilotMainTest {
    private static final String SERVICE = """
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: shop}
            spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
            """;

    private static String rule(String name) {
        return """
                apiVersion: networking.istio.io/v1
                kind: VirtualService
                metadata: {name: $name, namespace: shop}
                spec: {hosts: [web], http: [{route: [{destination: {host: web, subset: v2}}]}]}
                """.replace("$name", name);
    }

    @Test
    void filesStandTogether(@TempDir Path work) throws IOException {
        String one = Files.writeString(work.resolve("one.yaml"), rule("one")).toString();
        String two = Files.writeString(work.resolve("two.yaml"), rule("two")).toString();
        var piped = new ByteArrayInputStream((SERVICE + "---\n" + rule("one")).getBytes(StandardCharsets.UTF_8));

        var rendered = JsonParser.parseString(PilotMain.render(null, List.of(one, two, "-"), "", piped))
                .getAsJsonObject();

        assertThat(rendered.getAsJsonArray("findings").asList().stream()
                        .map(finding -> finding.getAsJsonObject().get("text").getAsString()))
                .containsExactlyInAnyOrder(
                        "stdin:6:1: error: VirtualService shop/one: stands at " + one + ":1:1 already, which is used",
                        one
                                + ":4:64: error: VirtualService shop/one: spec.http[0].route[0].destination.subset: v2 is not"
                                + " defined by a DestinationRule for web.shop.svc.cluster.local",
                        two
                                + ":4:64: error: VirtualService shop/two: spec.http[0].route[0].destination.subset: v2 is not"
                                + " defined by a DestinationRule for web.shop.svc.cluster.local",
                        two
                                + ":4:16: error: VirtualService shop/two: spec.hosts[0]: web.shop.svc.cluster.local has a rule"
                                + " on the mesh already: VirtualService shop/one, which is used");
    }

    @Test
    void aFileThatIsGoneIsNamed() throws IOException {
        var nothing = new ByteArrayInputStream(new byte[0]);

        assertThat(PilotMain.render(null, List.of("no.yaml", "-"), "", nothing))
                .contains("no.yaml", "cannot be read: it is a link to nothing, or gone");
    }
}
