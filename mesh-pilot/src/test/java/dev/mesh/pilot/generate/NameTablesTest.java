package dev.mesh.pilot.generate;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.push.PushContextBuilder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// The table of names in one piece, and in parts.
class NameTablesTest {
    private static final String MESH = """
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: shop}
            spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: db, namespace: shop}
            spec: {clusterIP: None, ports: [{name: tcp, port: 3306}]}
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: db-1, namespace: shop, labels: {kubernetes.io/service-name: db}}
            addressType: IPv4
            ports: [{name: tcp, port: 3306}]
            endpoints: [{addresses: [10.128.0.1], hostname: db-0}, {addresses: [10.128.0.2], hostname: db-1}]
            """;

    private static SortedMap<String, Resource> tables(String yaml, boolean apart) {
        var objects = ObjectReader.read("mesh.yaml", yaml.getBytes(StandardCharsets.UTF_8))
                .objects();
        var node = new ProxyNode(
                "sidecar~10.1.1.1~client.shop~shop.svc.cluster.local",
                ProxyNode.Type.SIDECAR,
                List.of("10.1.1.1"),
                "shop",
                "",
                Map.of(),
                "",
                "",
                "",
                ProxyNode.Interception.REDIRECT,
                "",
                Map.of(),
                true,
                true,
                "",
                true,
                apart);
        return new ConfigGenerators()
                .generate(PushContextBuilder.build(1, objects), node)
                .of(XdsType.NAME_TABLE);
    }

    private static Map<String, NameTable.NameInfo> union(SortedMap<String, Resource> tables)
            throws InvalidProtocolBufferException {
        var all = new TreeMap<String, NameTable.NameInfo>();
        for (Resource resource : tables.values()) {
            all.putAll(resource.body().unpack(NameTable.class).getTableMap());
        }
        return all;
    }

    @Test
    void thePartsTogetherAreTheWhole() throws InvalidProtocolBufferException {
        assertThat(tables(MESH, false)).containsOnlyKeys("names");
        assertThat(tables(MESH, true))
                .containsOnlyKeys("names", "web.shop.svc.cluster.local", "db.shop.svc.cluster.local");
        assertThat(union(tables(MESH, true)))
                .isEqualTo(union(tables(MESH, false)))
                .containsOnlyKeys(
                        "web.shop.svc.cluster.local",
                        "db.shop.svc.cluster.local",
                        "db-0.db.shop.svc.cluster.local",
                        "db-1.db.shop.svc.cluster.local");
    }

    @Test
    void aChangeIsOfItsOwnPartAlone() {
        var before = tables(MESH, true);
        var after = tables(MESH.replace("10.128.0.2", "10.128.0.9"), true);
        assertThat(after.keySet()).isEqualTo(before.keySet());
        assertThat(after.keySet().stream().filter(name -> !Objects.equals(after.get(name), before.get(name))))
                .containsExactly("db.shop.svc.cluster.local");
    }

    /// A proxy is not ready before it has its names, be there none.
    @Test
    void withoutAServiceThereIsATableStill() {
        assertThat(tables("", true)).containsOnlyKeys("names");
    }
}
