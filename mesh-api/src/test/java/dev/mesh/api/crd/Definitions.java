package dev.mesh.api.crd;

import dev.mesh.api.read.Kinds;
import dev.mesh.api.shape.Shapes;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;

/// The `CustomResourceDefinition`s of all kinds that have a record, in the form of Istio's: groups, versions, names,
/// columns; schemas from the records, descriptions from their comments.
final class Definitions {
    /// What is not in a record.
    private record Manner(String plural, List<String> shortNames, String storage, List<List<String>> columns) {}

    private static final List<String> AGE = List.of("Age", ".metadata.creationTimestamp", "date");

    private static final Map<String, Manner> MANNERS = Map.ofEntries(
            manner(
                    "VirtualService",
                    "virtualservices",
                    "v1",
                    "vs",
                    "Gateways .spec.gateways",
                    "Hosts .spec.hosts",
                    "Age"),
            manner("DestinationRule", "destinationrules", "v1", "dr", "Host .spec.host", "Age"),
            manner("Gateway", "gateways", "v1", "gw"),
            manner(
                    "ServiceEntry",
                    "serviceentries",
                    "v1",
                    "se",
                    "Hosts .spec.hosts",
                    "Location .spec.location",
                    "Resolution .spec.resolution",
                    "Age"),
            manner("WorkloadEntry", "workloadentries", "v1", "we", "Age", "Address .spec.address"),
            manner("WorkloadGroup", "workloadgroups", "v1", "wg", "Age"),
            manner("Sidecar", "sidecars", "v1", ""),
            manner("ProxyConfig", "proxyconfigs", "v1beta1", ""),
            manner("EnvoyFilter", "envoyfilters", "v1alpha3", ""),
            manner("PeerAuthentication", "peerauthentications", "v1", "pa", "Mode .spec.mtls.mode", "Age"),
            manner("RequestAuthentication", "requestauthentications", "v1", "ra"),
            manner("AuthorizationPolicy", "authorizationpolicies", "v1", "ap", "Action .spec.action", "Age"),
            manner("Telemetry", "telemetries", "v1alpha1", "telemetry", "Age"),
            manner("WasmPlugin", "wasmplugins", "v1alpha1", "", "Age"),
            manner("TrafficExtension", "trafficextensions", "v1alpha1", "", "Age"),
            manner("LocalProcess", "localprocesses", "v1alpha1", "", "Workload .spec.workload", "Age"));

    private static Map.Entry<String, Manner> manner(
            String kind, String plural, String storage, String shortName, String... columns) {
        var all = new ArrayList<List<String>>();
        for (String column : columns) {
            String[] parts = column.split(" ");
            all.add(parts.length == 1 ? AGE : List.of(parts[0], parts[1], "string"));
        }
        return Map.entry(kind, new Manner(plural, shortName.isEmpty() ? List.of() : List.of(shortName), storage, all));
    }

    private Definitions() {}

    /// @param sources the Java sources of the records
    /// @return by file name; each a YAML document
    static Map<String, Map<String, Object>> all(Path sources) throws IOException {
        var schemas = new Schemas(new Javadoc(sources));
        var shapes = new Shapes();
        var files = new TreeMap<String, Map<String, Object>>();
        for (Kinds.Kind kind : Kinds.ALL) {
            if (kind.group().endsWith(".istio.io") || kind.group().equals("mesh.dev")) {
                Manner manner = MANNERS.get(kind.name());
                if (manner == null) {
                    throw new IllegalStateException(kind.name() + " has no plural name in Definitions");
                }
                files.put(
                        manner.plural() + "." + kind.group() + ".yaml",
                        definition(kind, manner, schemas.of(shapes.ofRecord(kind.type()))));
            }
        }
        return files;
    }

    static String yaml(Map<String, Object> definition) {
        return "# Made from mesh-api's records: make generate. Edit those.\n"
                + new Dump(DumpSettings.builder()
                                .setDefaultFlowStyle(FlowStyle.BLOCK)
                                .setDereferenceAliases(true)
                                .setWidth(120)
                                .build())
                        .dumpToString(definition);
    }

    private static Map<String, Object> definition(Kinds.Kind kind, Manner manner, Map<String, Object> spec) {
        boolean istio = kind.group().endsWith(".istio.io");
        var names = new LinkedHashMap<String, Object>();
        names.put("kind", kind.name());
        names.put("listKind", kind.name() + "List");
        names.put("plural", manner.plural());
        names.put("singular", kind.name().toLowerCase(Locale.ROOT));
        if (!manner.shortNames().isEmpty()) {
            names.put("shortNames", manner.shortNames());
        }
        names.put("categories", istio ? List.of("istio-io", kind.group().replace('.', '-')) : List.of("mesh"));
        var versions = new ArrayList<Map<String, Object>>();
        for (String version : kind.versions()) {
            var entry = new LinkedHashMap<String, Object>();
            entry.put("name", version);
            entry.put("served", true);
            entry.put("storage", version.equals(manner.storage()));
            entry.put("subresources", Map.of("status", Map.of()));
            if (!manner.columns().isEmpty()) {
                entry.put("additionalPrinterColumns", columns(manner));
            }
            entry.put("schema", Map.of("openAPIV3Schema", root(spec)));
            versions.add(entry);
        }
        var body = new LinkedHashMap<String, Object>();
        body.put("group", kind.group());
        body.put("names", names);
        body.put("scope", kind.namespaced() ? "Namespaced" : "Cluster");
        body.put("versions", versions);
        var definition = new LinkedHashMap<String, Object>();
        definition.put("apiVersion", "apiextensions.k8s.io/v1");
        definition.put("kind", "CustomResourceDefinition");
        definition.put("metadata", Map.of("name", manner.plural() + "." + kind.group()));
        definition.put("spec", body);
        return definition;
    }

    private static List<Map<String, Object>> columns(Manner manner) {
        return manner.columns().stream()
                .map(column -> {
                    Map<String, Object> entry = new LinkedHashMap<>();
                    entry.put("name", column.get(0));
                    entry.put("jsonPath", column.get(1));
                    entry.put("type", column.get(2));
                    return entry;
                })
                .toList();
    }

    private static Map<String, Object> root(Map<String, Object> spec) {
        var properties = new LinkedHashMap<String, Object>();
        properties.put("spec", spec);
        properties.put("status", STATUS);
        var root = new LinkedHashMap<String, Object>();
        if (spec.get("description") instanceof String description) {
            root.put("description", description);
        }
        root.put("type", "object");
        root.put("properties", properties);
        return root;
    }

    private static final Map<String, Object> GENERATION = new TreeMap<>(Map.of(
            "x-kubernetes-int-or-string", true, "anyOf", List.of(Map.of("type", "integer"), Map.of("type", "string"))));

    // What the control plane says of the object; other control planes may say more.
    private static final Map<String, Object> STATUS = status();

    private static Map<String, Object> status() {
        var text = Map.of("type", "string");
        var condition = new TreeMap<String, Object>(Map.of(
                "type", text, "status", text, "reason", text, "message", text, "observedGeneration", GENERATION));
        condition.put("lastTransitionTime", new TreeMap<>(Map.of("type", "string", "format", "date-time")));
        condition.put("lastProbeTime", new TreeMap<>(Map.of("type", "string", "format", "date-time")));
        var unknown =
                new TreeMap<String, Object>(Map.of("type", "object", "x-kubernetes-preserve-unknown-fields", true));
        var properties = new LinkedHashMap<String, Object>();
        properties.put("conditions", described("What holds of the object now.", "array", "items", object(condition)));
        properties.put("observedGeneration", GENERATION);
        properties.put("validationMessages", described("What was found wrong with it.", "array", "items", unknown));
        var status = new LinkedHashMap<String, Object>();
        status.put("description", "What the control plane says of the object.");
        status.put("type", "object");
        status.put("x-kubernetes-preserve-unknown-fields", true);
        status.put("properties", properties);
        return status;
    }

    private static Map<String, Object> object(Map<String, Object> properties) {
        var schema = new LinkedHashMap<String, Object>();
        schema.put("type", "object");
        schema.put("x-kubernetes-preserve-unknown-fields", true);
        schema.put("properties", properties);
        return schema;
    }

    private static Map<String, Object> described(String description, String type, String key, Object value) {
        var schema = new LinkedHashMap<String, Object>();
        schema.put("description", description);
        schema.put("type", type);
        schema.put(key, value);
        return schema;
    }
}
