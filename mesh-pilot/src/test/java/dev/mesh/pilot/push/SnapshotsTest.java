package dev.mesh.pilot.push;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.pilot.model.Workload;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// One snapshot after another: what has not changed is the same object, and what it depends on is seen.
class SnapshotsTest {
    private static final String NODE = """
            apiVersion: v1
            kind: Node
            metadata: {name: node1, labels: {topology.kubernetes.io/region: r1}}
            """;
    private static final String WEB = "web.shop.svc.cluster.local";
    private static final String DB = "db.shop.svc.cluster.local";

    private final Map<String, MeshObject> objects = new LinkedHashMap<>();
    private final Snapshots snapshots = new Snapshots();

    SnapshotsTest() {
        put(NODE);
        for (String name : List.of("web", "db")) {
            put("""
                    apiVersion: v1
                    kind: Service
                    metadata: {name: NAME, namespace: shop}
                    spec: {clusterIP: 10.96.0.1, selector: {app: NAME}, ports: [{name: http, port: 80}]}
                    """.replace("NAME", name));
            put(pod(name, "version: v1"));
            put(slice(name, "10.0.0.1"));
        }
    }

    private void put(String yaml) {
        ObjectReader.read("mesh.yaml", yaml.getBytes(StandardCharsets.UTF_8))
                .objects()
                .forEach(object -> objects.put(object.ref().toString(), object));
    }

    private static String pod(String name, String label) {
        return """
                apiVersion: v1
                kind: Pod
                metadata: {name: %1$s-1, namespace: shop, labels: {app: %1$s, %2$s}}
                spec: {nodeName: node1, containers: [{name: app, image: app}]}
                status: {phase: Running, podIP: 10.0.0.1}
                """.formatted(name, label);
    }

    private static String slice(String name, String address) {
        return """
                apiVersion: discovery.k8s.io/v1
                kind: EndpointSlice
                metadata: {name: %1$s-x, namespace: shop, labels: {kubernetes.io/service-name: %1$s}}
                addressType: IPv4
                ports: [{name: http, port: 8080}]
                endpoints: [{addresses: [%2$s], targetRef: {kind: Pod, name: %1$s-1}}]
                """.formatted(name, address);
    }

    private PushRequest next() {
        return snapshots.next(objects.values(), 0);
    }

    private static List<Workload> of(PushRequest request, String host) {
        return request.context().serving().getOrDefault(host, List.of());
    }

    @Test
    void whatHasNotChangedIsTheSame() {
        var before = next();
        put(slice("web", "10.0.0.2"));
        var after = next();

        assertThat(after.full()).isFalse();
        assertThat(after.services()).containsExactly(WEB);
        assertThat(after.addresses()).containsExactlyInAnyOrder("10.0.0.1", "10.0.0.2");
        assertThat(of(after, WEB)).extracting(Workload::address).containsExactly("10.0.0.2");
        assertThat(of(after, DB)).isNotEmpty().isSameAs(of(before, DB));
        assertThat(next().services()).isEmpty();
    }

    @Test
    void whatAPodSaysIsSaidOfItsEndpoints() {
        next();
        put(pod("web", "version: v2"));
        var after = next();

        assertThat(after.services()).containsExactly(WEB);
        assertThat(of(after, WEB).getFirst().labels()).containsEntry("version", "v2");
        objects.keySet().removeIf(name -> name.contains("Pod") && name.contains("web-1"));
        assertThat(of(next(), WEB).getFirst().labels()).isEmpty();
    }

    @Test
    void whereANodeIsIsSaidOfAllThatIsOnIt() {
        assertThat(of(next(), WEB).getFirst().locality()).isEqualTo("r1");
        put(NODE.replace("r1", "r2"));
        var after = next();

        assertThat(after.services()).containsExactly(DB, WEB);
        assertThat(of(after, WEB).getFirst().locality()).isEqualTo("r2");
    }

    @Test
    void anEndpointThatMovesFromOneSliceToAnotherIsOneAllTheTime() {
        next();
        put(slice("web", "10.0.0.1").replace("web-x", "web-y"));
        var after = next();

        assertThat(after.services()).isEmpty();
        assertThat(of(after, WEB)).hasSize(1);
    }
}
