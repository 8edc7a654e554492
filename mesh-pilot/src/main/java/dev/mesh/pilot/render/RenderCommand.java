package dev.mesh.pilot.render;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.local.LocalAddresses;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.networking.WorkloadEntry;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.generate.ConfigGenerators;
import dev.mesh.pilot.generate.Names;
import dev.mesh.pilot.generate.ProxyView;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.PushContextBuilder;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/// What the pilot would make of objects for one node, as JSON:
///
///     {"findings": [...], "config": {"configs": [...]}, "leftOut": [...], "positions": {...}}
public final class RenderCommand {
    private static final Gson GSON =
            new GsonBuilder().disableHtmlEscaping().setPrettyPrinting().create();

    private RenderCommand() {}

    /// @param objects in the order of their source
    /// @param readFindings what was wrong with each by itself
    /// @param duplicates objects that stand in several files
    /// @param node name of a workload, `edge` for a gateway, or a node id; empty: findings only
    /// @throws IllegalArgumentException with a sentence if there is no such node
    public static String render(
            Collection<MeshObject> objects, List<Finding> readFindings, List<Finding> duplicates, String node) {
        PushContext push = PushContextBuilder.build(1, objects);
        var root = new JsonObject();
        var findings = new JsonArray();
        readFindings.forEach(finding -> findings.add(json(finding, false)));
        duplicates.forEach(finding -> findings.add(json(finding, true)));
        push.findings().forEach(finding -> findings.add(json(finding, true)));
        root.add("findings", findings);
        if (!node.isEmpty()) {
            ProxyView view = new ConfigGenerators().generate(push, node(objects, push, node));
            root.add("config", config(view));
            root.add("leftOut", leftOut(view));
            root.add("positions", positions(objects));
        }
        return GSON.toJson(root);
    }

    private static JsonObject json(Finding finding, boolean acrossObjects) {
        var json = new JsonObject();
        json.addProperty("severity", finding.severity().name());
        json.addProperty("code", finding.code().name());
        json.addProperty(
                "object", finding.about() == null ? "" : finding.about().toString());
        json.addProperty("path", finding.path());
        json.addProperty("message", finding.message());
        json.addProperty(
                "position", finding.position() == null ? "" : finding.position().toString());
        json.addProperty("text", finding.toString());
        json.addProperty("acrossObjects", acrossObjects);
        return json;
    }

    // It may have its own namespace's Secrets, as the proxies of a local mesh may.
    private static ProxyNode node(Collection<MeshObject> objects, PushContext push, String name) {
        String workload = name;
        String namespace = "";
        if (name.contains("~")) {
            String[] parts = name.split("~", -1);
            if (parts.length != 4 || parts[2].lastIndexOf('.') < 1) {
                throw new IllegalArgumentException("--node " + name
                        + ": no node id (expected: <sidecar|router>~<ip>~<workload>.<namespace>~<domain>)");
            }
            workload = parts[2];
        }
        int dot = workload.lastIndexOf('.');
        if (dot > 0) {
            namespace = workload.substring(dot + 1);
            workload = workload.substring(0, dot);
        }
        for (MeshObject object : objects) {
            if (object.spec() instanceof WorkloadEntry entry
                    && object.ref().name().equals(workload)
                    && (namespace.isEmpty() || object.ref().namespace().equals(namespace))) {
                return sidecar(object, entry);
            }
        }
        var gateway = push.gateways().stream()
                .filter(rule -> name.startsWith("router~")
                        || rule.name().equals(name)
                        || name.equals("edge")
                        || name.equals(rule.namespace() + "/" + rule.name()))
                .findFirst();
        if (gateway.isPresent()) {
            return new ProxyNode(
                    "router~127.0.0.1~edge." + gateway.get().namespace() + "~"
                            + gateway.get().namespace() + ".svc.cluster.local",
                    ProxyNode.Type.ROUTER,
                    List.of("127.0.0.1"),
                    gateway.get().namespace(),
                    "edge",
                    gateway.get().spec().selector(),
                    "",
                    "",
                    "",
                    ProxyNode.Interception.NONE,
                    "",
                    Map.of(),
                    false,
                    false,
                    gateway.get().namespace(),
                    false,
                    false);
        }
        throw new IllegalArgumentException("no WorkloadEntry or Gateway is called \"" + name + "\" (known: "
                + String.join(
                        ", ",
                        objects.stream()
                                .filter(object -> object.spec() instanceof WorkloadEntry)
                                .map(object -> object.ref().name())
                                .toList())
                + (push.gateways().isEmpty() ? "" : ", edge") + ")");
    }

    private static ProxyNode sidecar(MeshObject object, WorkloadEntry entry) {
        String namespace = object.ref().namespace();
        return new ProxyNode(
                "sidecar~" + entry.address() + "~" + object.ref().name() + "." + namespace + "~" + namespace
                        + ".svc.cluster.local",
                ProxyNode.Type.SIDECAR,
                List.of(entry.address()),
                namespace,
                object.ref().name(),
                entry.labels(),
                "",
                "",
                "",
                ProxyNode.Interception.NONE,
                LocalAddresses.isWorkload(entry.address()) ? LocalAddresses.outbound(entry.address()) : "",
                Map.of(),
                false,
                false,
                namespace,
                false,
                false);
    }

    private static JsonObject config(ProxyView view) {
        try {
            return JsonParser.parseString(JsonFormat.printer()
                            .usingTypeRegistry(EnvoyTypes.REGISTRY)
                            .preservingProtoFieldNames()
                            .print(ViewDump.of(view)))
                    .getAsJsonObject();
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("this process generated it", e);
        }
    }

    private static JsonArray leftOut(ProxyView view) {
        var all = new JsonArray();
        view.leftOut().forEach(left -> {
            var origin = new JsonObject();
            origin.addProperty("kind", left.object().kind());
            origin.addProperty("namespace", left.object().namespace());
            origin.addProperty("name", left.object().name());
            origin.addProperty("rule", left.rule());
            origin.addProperty("position", "");
            var json = new JsonObject();
            json.add("from", origin);
            json.addProperty("virtualHost", left.virtualHost());
            json.addProperty("why", left.why());
            all.add(json);
        });
        return all;
    }

    private static JsonObject positions(Collection<MeshObject> objects) {
        var positions = new JsonObject();
        for (MeshObject object : objects) {
            String name = object.ref().toString();
            positions.addProperty(name, object.position().toString());
            if (object.spec() instanceof VirtualService spec) {
                Names.rules(spec)
                        .forEach((rule, path) -> positions.addProperty(
                                name + " " + rule, object.positions().of(path).toString()));
            }
        }
        return positions;
    }
}
