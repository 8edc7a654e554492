package dev.mesh.pilot.generate;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.api.read.ReadResult;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.model.MeshDefaults;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.PushContextBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;

/// One folder of golden files: `config.yaml` is what a user wrote, `nodes.yaml` says for whom it is generated
/// (default: one sidecar), and there is one expected file for each node, with the findings in `findings.txt`.
record GoldenCase(Path folder) {
    private static final Path ROOT = Path.of("src/test/resources/golden");

    static Stream<GoldenCase> all() {
        try (var found = Files.list(ROOT)) {
            return found.filter(Files::isDirectory).sorted().map(GoldenCase::new).toList().stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String toString() {
        return folder.getFileName().toString();
    }

    String text() {
        return read(folder.resolve("config.yaml"));
    }

    List<MeshObject> objects() {
        var objects = new ArrayList<>(ObjectReader.read("config.yaml", text()).objects());
        if (isOfCluster()) {
            objects.addAll(mesh().objects());
        }
        return objects;
    }

    // With settings of the mesh beside it, it is one of a cluster.
    private boolean isOfCluster() {
        return Files.exists(folder.resolve("mesh.yaml"));
    }

    private ReadResult mesh() {
        return ObjectReader.readMeshConfig(
                new ResourceRef("", "ConfigMap", "mesh-system", "mesh"), read(folder.resolve("mesh.yaml")));
    }

    PushContext push() {
        return push(1, objects());
    }

    PushContext push(long revision, List<MeshObject> objects) {
        return PushContextBuilder.build(
                revision, objects, isOfCluster() ? MeshDefaults.ofCluster("mesh-system") : MeshDefaults.LOCAL);
    }

    String findings() {
        var lines = new StringBuilder();
        var all =
                new ArrayList<Finding>(ObjectReader.read("config.yaml", text()).findings());
        if (isOfCluster()) {
            all.addAll(mesh().findings());
        }
        all.addAll(push().findings());
        all.forEach(finding -> lines.append(finding).append('\n'));
        return lines.toString();
    }

    /// Name → node.
    Map<String, ProxyNode> nodes() {
        Path file = folder.resolve("nodes.yaml");
        if (!Files.exists(file)) {
            return Map.of("sidecar", node("sidecar", Map.of()));
        }
        var nodes = new LinkedHashMap<String, ProxyNode>();
        var written = (Map<?, ?>) new Load(LoadSettings.builder().build()).loadFromString(read(file));
        written.forEach((name, settings) -> nodes.put((String) name, node((String) name, (Map<?, ?>) settings)));
        return nodes;
    }

    private static ProxyNode node(String name, Map<?, ?> settings) {
        boolean router = "ROUTER".equals(settings.get("type"));
        String namespace = text(settings, "namespace", "shop");
        String address = text(settings, "address", "127.0.1.1");
        return new ProxyNode(
                (router ? "router~" : "sidecar~") + address + "~" + name + "." + namespace + "~" + namespace
                        + ".svc.cluster.local",
                router
                        ? ProxyNode.Type.ROUTER
                        : "PROXYLESS".equals(settings.get("type")) ? ProxyNode.Type.PROXYLESS : ProxyNode.Type.SIDECAR,
                addresses(address, settings),
                namespace,
                name,
                labels(settings),
                "",
                "",
                "",
                ProxyNode.Interception.valueOf(text(settings, "interception", "NONE")),
                router || settings.containsKey("interception")
                        ? ""
                        : "127.128" + address.substring(address.indexOf('.', 4)),
                ports(settings),
                Boolean.TRUE.equals(settings.get("vhds")),
                false,
                text(settings, "secretsOf", ""),
                Boolean.TRUE.equals(settings.get("dns")),
                false);
    }

    private static List<String> addresses(String first, Map<?, ?> settings) {
        var addresses = new ArrayList<String>(List.of(first));
        if (settings.get("others") instanceof List<?> written) {
            written.forEach(other -> addresses.add(other.toString()));
        }
        return addresses;
    }

    private static Map<String, String> labels(Map<?, ?> settings) {
        var labels = new LinkedHashMap<String, String>();
        if (settings.get("labels") instanceof Map<?, ?> written) {
            written.forEach((name, value) -> labels.put(name.toString(), value.toString()));
        }
        return labels;
    }

    private static Map<Integer, Integer> ports(Map<?, ?> settings) {
        var ports = new LinkedHashMap<Integer, Integer>();
        if (settings.get("applicationPorts") instanceof Map<?, ?> written) {
            written.forEach((port, local) -> ports.put((Integer) port, (Integer) local));
        }
        return ports;
    }

    private static String text(Map<?, ?> settings, String key, String otherwise) {
        return settings.get(key) instanceof String text ? text : otherwise;
    }

    /// All resources of a view, and what was left out, as YAML.
    static String print(ProxyView view) {
        var all = new LinkedHashMap<String, Object>();
        for (XdsType type : XdsType.values()) {
            var resources = new ArrayList<Object>();
            view.of(type).values().forEach(resource -> resources.add(tree(resource)));
            if (!resources.isEmpty()) {
                all.put(type.shortName(), resources);
            }
        }
        if (!view.leftOut().isEmpty()) {
            all.put(
                    "leftOut",
                    view.leftOut().stream()
                            .map(left -> left.object() + " rule " + left.rule() + " of " + left.virtualHost() + ": "
                                    + left.why())
                            .toList());
        }
        if (!view.findings().isEmpty()) {
            all.put("findings", view.findings().stream().map(Finding::toString).toList());
        }
        return new Dump(DumpSettings.builder()
                        .setDefaultFlowStyle(FlowStyle.BLOCK)
                        .setWidth(140)
                        .setSplitLines(false)
                        .build())
                .dumpToString(all);
    }

    private static Object tree(Resource resource) {
        try {
            String json = JsonFormat.printer()
                    .usingTypeRegistry(EnvoyTypes.REGISTRY)
                    .preservingProtoFieldNames()
                    .print(resource.body());
            return new Load(LoadSettings.builder().build()).loadFromString(json);
        } catch (InvalidProtocolBufferException e) {
            throw new AssertionError(resource.name() + ": " + e.getMessage(), e);
        }
    }

    String expected(String name) {
        Path file = folder.resolve(name);
        return Files.exists(file) ? read(file) : "";
    }

    void rewrite(String name, String text) {
        try {
            if (text.isEmpty()) {
                Files.deleteIfExists(folder.resolve(name));
            } else {
                Files.writeString(folder.resolve(name), text);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
