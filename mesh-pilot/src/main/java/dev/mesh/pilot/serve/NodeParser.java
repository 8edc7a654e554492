package dev.mesh.pilot.serve;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.mesh.api.xds.ClientFeatures;
import dev.mesh.pilot.model.ProxyNode;
import io.envoyproxy.envoy.config.core.v3.Node;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// `envoy.config.core.v3.Node` with Istio's metadata keys → [ProxyNode].
final class NodeParser {
    private NodeParser() {}

    /// @throws IllegalArgumentException with a sentence for the client, if its id is not of the agreed form
    static ProxyNode parse(Node node) {
        String[] parts = node.getId().split("~", -1);
        if (parts.length != 4 || parts[2].lastIndexOf('.') < 1) {
            throw new IllegalArgumentException("node.id: \"" + node.getId()
                    + "\" (expected: <sidecar|router>~<ip>~<workload>.<namespace>~<namespace>.svc.<domain>)");
        }
        Map<String, Value> metadata = node.getMetadata().getFieldsMap();
        boolean proxyless = text(metadata, "GENERATOR").equals("grpc");
        ProxyNode.Type type = switch (parts[0]) {
            case "sidecar" -> proxyless ? ProxyNode.Type.PROXYLESS : ProxyNode.Type.SIDECAR;
            case "router" -> ProxyNode.Type.ROUTER;
            default ->
                throw new IllegalArgumentException("node.id: type \"" + parts[0] + "\" (expected: sidecar or router)");
        };
        String namespace = text(metadata, "NAMESPACE");
        return new ProxyNode(
                node.getId(),
                type,
                addresses(parts[1], text(metadata, "INSTANCE_IPS")),
                namespace.isEmpty() ? parts[2].substring(parts[2].lastIndexOf('.') + 1) : namespace,
                node.getCluster(),
                labels(metadata),
                node.getLocality().getRegion(),
                node.getLocality().getZone(),
                node.getLocality().getSubZone(),
                switch (text(metadata, "INTERCEPTION_MODE")) {
                    case "NONE" -> ProxyNode.Interception.NONE;
                    case "TPROXY" -> ProxyNode.Interception.TPROXY;
                    default -> ProxyNode.Interception.REDIRECT;
                },
                text(metadata, "MESH_OUTBOUND_ADDRESS"),
                ports(metadata),
                metadata.getOrDefault(ClientFeatures.VHDS_METADATA, Value.getDefaultInstance())
                        .getBoolValue(),
                node.getClientFeaturesList().contains(ClientFeatures.PUSH_COMMIT),
                "",
                flag(metadata, "DNS_CAPTURE"),
                node.getClientFeaturesList().contains(ClientFeatures.NAMES_APART));
    }

    /// The service account that a node claims to run as; empty: it says none.
    static String serviceAccount(Node node) {
        return text(node.getMetadata().getFieldsMap(), "SERVICE_ACCOUNT");
    }

    /// What owns a node's pod, such as a Deployment; empty: it does not say.
    static String workload(Node node) {
        return text(node.getMetadata().getFieldsMap(), "WORKLOAD_NAME");
    }

    // Its other addresses are those of the other family.
    private static List<String> addresses(String first, String all) {
        var addresses = new LinkedHashSet<String>();
        addresses.add(first);
        for (String address : all.split(",")) {
            if (!address.isBlank()) {
                addresses.add(address.trim());
            }
        }
        return List.copyOf(addresses);
    }

    private static String text(Map<String, Value> metadata, String key) {
        return metadata.getOrDefault(key, Value.getDefaultInstance()).getStringValue();
    }

    // Istio's agent sends what stands in the environment: a text.
    private static boolean flag(Map<String, Value> metadata, String key) {
        Value value = metadata.getOrDefault(key, Value.getDefaultInstance());
        return value.getBoolValue()
                || value.getStringValue().equalsIgnoreCase("true")
                || value.getStringValue().equals("1");
    }

    private static Map<String, String> labels(Map<String, Value> metadata) {
        var labels = new TreeMap<String, String>();
        struct(metadata, "LABELS").getFieldsMap().forEach((name, value) -> labels.put(name, value.getStringValue()));
        return labels;
    }

    private static Map<Integer, Integer> ports(Map<String, Value> metadata) {
        var ports = new TreeMap<Integer, Integer>();
        struct(metadata, "MESH_APPLICATION_PORTS").getFieldsMap().forEach((name, value) -> {
            if (name.matches("[0-9]{1,5}")) {
                ports.put(Integer.valueOf(name), (int) value.getNumberValue());
            }
        });
        return ports;
    }

    private static Struct struct(Map<String, Value> metadata, String key) {
        return metadata.getOrDefault(key, Value.getDefaultInstance()).getStructValue();
    }
}
