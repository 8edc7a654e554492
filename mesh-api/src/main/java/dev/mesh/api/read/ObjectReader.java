package dev.mesh.api.read;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.finding.SourcePosition;
import dev.mesh.api.meshconfig.MeshConfig;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.object.Metadata;
import dev.mesh.api.object.PositionIndex;
import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Shapes;
import dev.mesh.api.shape.Whole;
import dev.mesh.api.validate.Validator;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/// YAML or JSON text → objects and everything that is wrong with them. Any thread; never throws for any text.
public final class ObjectReader {
    private static final Shapes SHAPES = new Shapes();
    private static final String DEFAULT_NAMESPACE = "default";
    private static final List<String> OBJECT_FIELDS = List.of("apiVersion", "kind", "metadata", "spec", "status");

    private final String file;
    private final boolean written;
    private final List<MeshObject> objects = new ArrayList<>();
    private final List<Finding> findings = new ArrayList<>();
    private final Map<ResourceRef, SourcePosition> kept = new HashMap<>();

    /// @param written by a person, and so to be checked for fields that there are not; what an API server answers may
    /// be
    ///     newer than this reader
    private ObjectReader(String file, boolean written) {
        this.file = file;
        this.written = written;
    }

    /// Reads all documents of one file. An object with an error is left out, with a finding that says so.
    ///
    /// @param file name, for positions
    public static ReadResult read(String file, String text) {
        var reader = new ObjectReader(file, true);
        for (var document : Documents.of(text)) {
            Node root = document.root();
            if (root == null) {
                reader.findings.add(new Finding(
                        Finding.Code.MALFORMED_YAML,
                        null,
                        "",
                        document.problem(),
                        new SourcePosition(file, document.problemLine() + 1, document.problemColumn() + 1)));
            } else {
                reader.object(root, Places.of(file, root, document.line()), document.line());
            }
        }
        // In the order of the file, whatever order they were found in.
        reader.findings.sort(Comparator.comparing(
                Finding::position,
                Comparator.nullsFirst(
                        Comparator.comparingInt(SourcePosition::line).thenComparingInt(SourcePosition::column))));
        return new ReadResult(reader.objects, reader.findings);
    }

    /// The same from a file's bytes, which ought to be UTF-8.
    public static ReadResult read(String file, byte[] bytes) {
        if (bytes.length > ConfigFolder.MOST_BYTES) {
            return unreadable(file, "too large (expected: at most 16 MiB)");
        }
        var decoded = Utf8.decode(bytes);
        if (decoded.problem().isEmpty()) {
            return read(file, decoded.text());
        }
        var position = new SourcePosition(file, decoded.line(), decoded.column());
        return new ReadResult(
                List.of(), List.of(new Finding(Finding.Code.MALFORMED_YAML, null, "", decoded.problem(), position)));
    }

    /// What is known of a file that could not be read at all.
    ///
    /// @param why in words
    public static ReadResult unreadable(String file, String why) {
        var finding = new Finding(Finding.Code.UNREADABLE_FILE, null, "", why, new SourcePosition(file, 1, 1));
        return new ReadResult(List.of(), List.of(finding));
    }

    private void object(Node root, PositionIndex places, int lineOffset) {
        SourcePosition position = places.of("");
        if (!(root instanceof MappingNode mapping)) {
            add(
                    Finding.Code.WRONG_TYPE,
                    null,
                    "",
                    "not an object (expected: apiVersion, kind, metadata, spec)",
                    position);
            return;
        }
        Map<String, Node> fields = children(mapping);
        String apiVersion = text(fields.get("apiVersion"));
        String kind = text(fields.get("kind"));
        if (fields.keySet().stream().noneMatch(OBJECT_FIELDS::contains)) {
            add(
                    Finding.Code.NOT_AN_OBJECT,
                    null,
                    "",
                    "left aside: no object (expected: apiVersion, kind, metadata, spec)",
                    position);
            return;
        }
        if (apiVersion.isEmpty() || kind.isEmpty()) {
            add(
                    Finding.Code.MISSING_FIELD,
                    null,
                    apiVersion.isEmpty() ? "apiVersion" : "kind",
                    "missing (expected: apiVersion and kind)",
                    position);
            return;
        }
        if (apiVersion.equals("v1") && kind.equals("List")) {
            if (fields.get("items") instanceof SequenceNode items) {
                items.getValue().forEach(item -> object(item, Places.of(file, item, lineOffset), lineOffset));
            }
            return;
        }
        int slash = apiVersion.indexOf('/');
        String group = slash < 0 ? "" : apiVersion.substring(0, slash);
        String version = apiVersion.substring(slash + 1);
        Map<String, Node> metadata = fields.get("metadata") instanceof MappingNode node ? children(node) : Map.of();
        String name = text(metadata.get("name"));
        var known = Kinds.find(group, kind);
        String namespace = text(metadata.get("namespace"));
        if (namespace.isEmpty() && known.map(Kinds.Kind::namespaced).orElse(false)) {
            namespace = DEFAULT_NAMESPACE;
        }
        var ref = new ResourceRef(group, kind, namespace, name);
        if (known.isEmpty()) {
            List<String> siblings = Kinds.closedGroup(group);
            String meant = siblings.isEmpty() ? Kinds.meant(group, kind) : "";
            if (!meant.isEmpty()) {
                add(
                        Finding.Code.UNKNOWN_KIND,
                        ref,
                        "",
                        kind + " of " + apiVersion + " is not known (did you mean " + meant + "?)",
                        position);
            } else if (siblings.isEmpty() && group.endsWith(".istio.io")) {
                // People who write these expect traffic to change.
                add(Finding.Code.NOT_HONOURED, ref, "", kind + " (" + group + ") is not honoured yet", position);
            } else if (siblings.isEmpty()) {
                add(
                        Finding.Code.FOREIGN_KIND,
                        ref,
                        "",
                        "kind of another API group: accepted, no part of the mesh",
                        position);
            } else {
                add(
                        Finding.Code.UNKNOWN_KIND,
                        ref,
                        "kind",
                        kind + Suggestion.phrase(kind, siblings) + " (expected: one of " + String.join(", ", siblings)
                                + ")",
                        places.of("kind"));
            }
            return;
        }
        if (!known.get().versions().contains(version)) {
            add(
                    Finding.Code.INVALID_VALUE,
                    ref,
                    "apiVersion",
                    apiVersion + " (expected: one of "
                            + String.join(", ", known.get().versions()) + " of that group)",
                    places.of("apiVersion"));
            return;
        }
        int before = errors();
        if (name.isEmpty()) {
            add(Finding.Code.MISSING_FIELD, ref, "metadata.name", "missing", places.of("metadata"));
        }
        duplicates(mapping, "", ref, places);
        if (fields.get("metadata") instanceof MappingNode node) {
            duplicates(node, "metadata", ref, places);
        }
        boolean whole = known.get().type().isAnnotationPresent(Whole.class);
        for (String field : fields.keySet()) {
            if (written && !whole && !OBJECT_FIELDS.contains(field)) {
                add(
                        Finding.Code.UNKNOWN_FIELD,
                        ref,
                        field,
                        "no such field (expected: apiVersion, kind, metadata, spec)",
                        places.of(field));
            }
        }
        boolean strict = written || group.endsWith(".istio.io") || group.equals("mesh.dev");
        var values = new ValueReader((code, path, message) -> {
            if (strict || code != Finding.Code.UNKNOWN_FIELD) {
                add(code, ref, path, message, places.of(path));
            }
        });
        Node specNode = whole ? root : fields.getOrDefault("spec", emptyMapping());
        Object spec = values.record(SHAPES.ofRecord(known.get().type()), specNode, whole ? "" : "spec");
        if (spec instanceof Spec read) {
            var object = new MeshObject(ref, apiVersion, metadata(metadata), read, position, places);
            var wrong = Validator.validate(object);
            if (errors() > before) {
                judged(wrong, unreadPaths(before), Places.of(file, root, lineOffset));
            } else {
                findings.addAll(wrong);
                if (wrong.stream().noneMatch(finding -> finding.severity() == Finding.Severity.ERROR)) {
                    keep(object);
                }
            }
        }
    }

    private List<String> unreadPaths(int errorsBefore) {
        return findings.stream()
                .filter(finding -> finding.severity() == Finding.Severity.ERROR)
                .skip(errorsBefore)
                .map(Finding::path)
                .toList();
    }

    // What could not be read has its default now: only what is written counts, and that has nothing to do with it.
    private void judged(List<Finding> wrong, List<String> unread, Places places) {
        wrong.stream()
                .filter(finding -> places.has(finding.path()))
                .filter(finding ->
                        unread.stream().noneMatch(path -> isAt(finding.path(), path) || isAt(path, finding.path())))
                .forEach(findings::add);
    }

    private static boolean isAt(String path, String outer) {
        return path.startsWith(outer)
                && (path.length() == outer.length()
                        || path.charAt(outer.length()) == '.'
                        || path.charAt(outer.length()) == '[');
    }

    private void keep(MeshObject object) {
        SourcePosition first = kept.putIfAbsent(object.ref(), object.position());
        if (first == null) {
            objects.add(object);
        } else {
            findings.add(Finding.duplicate(object.ref(), first, object.position()));
        }
    }

    private void duplicates(MappingNode mapping, String path, ResourceRef ref, PositionIndex places) {
        var seen = new HashSet<String>();
        for (NodeTuple entry : mapping.getValue()) {
            if (entry.getKeyNode() instanceof ScalarNode key && !seen.add(key.getValue())) {
                String field = ValueReader.join(path, key.getValue());
                add(Finding.Code.INVALID_VALUE, ref, field, "stands twice", places.of(field));
            }
        }
    }

    /// Reads one object as an API server gives it. Its place is its name and the field's path.
    ///
    /// @param tree maps with text as keys, lists, text, numbers, booleans, null
    /// @throws IllegalArgumentException if there is anything else in it
    public static ReadResult read(Map<String, ?> tree) {
        Node root = Trees.node(tree);
        var fields = children((MappingNode) root);
        var metadata = fields.get("metadata") instanceof MappingNode node ? children(node) : Map.<String, Node>of();
        String namespace = text(metadata.get("namespace"));
        String place = text(fields.get("kind")) + " " + (namespace.isEmpty() ? "" : namespace + "/")
                + text(metadata.get("name"));
        var reader = new ObjectReader(place, false);
        reader.object(root, path -> new SourcePosition(path.isEmpty() ? place : place + " " + path, 0, 0), 0);
        return new ReadResult(reader.objects, reader.findings);
    }

    /// Reads the settings of a mesh, which are an object without `kind` and `metadata`.
    ///
    /// @param ref what they are to be known as
    /// @param text YAML of Istio's MeshConfig; empty: all defaults
    public static ReadResult readMeshConfig(ResourceRef ref, String text) {
        var reader = new ObjectReader(ref.toString(), true);
        var documents = Documents.of(text);
        Node root = documents.isEmpty() ? emptyMapping() : documents.getFirst().root();
        if (root == null || documents.size() > 1) {
            String problem = root == null ? documents.getFirst().problem() : "more than one document";
            reader.add(Finding.Code.MALFORMED_YAML, ref, "", problem, new SourcePosition(ref.toString(), 0, 0));
            return new ReadResult(reader.objects, reader.findings);
        }
        Places places = Places.of(ref.toString(), root, 0);
        var values = new ValueReader((code, path, message) -> reader.add(code, ref, path, message, places.of(path)));
        Object spec = values.record(SHAPES.ofRecord(MeshConfig.class), root, "");
        if (spec instanceof MeshConfig read && reader.errors() == 0) {
            reader.objects.add(new MeshObject(ref, "v1alpha1", Metadata.EMPTY, read, places.of(""), places));
        }
        return new ReadResult(reader.objects, reader.findings);
    }

    private static Node emptyMapping() {
        return new MappingNode(
                org.snakeyaml.engine.v2.nodes.Tag.MAP,
                new ArrayList<>(),
                org.snakeyaml.engine.v2.common.FlowStyle.BLOCK);
    }

    private int errors() {
        return (int) findings.stream()
                .filter(finding -> finding.severity() == Finding.Severity.ERROR)
                .count();
    }

    private void add(
            Finding.Code code, @Nullable ResourceRef about, String path, String message, SourcePosition position) {
        findings.add(new Finding(code, about, path, message, position));
    }

    private static Metadata metadata(Map<String, Node> fields) {
        Instant created = null;
        String text = text(fields.get("creationTimestamp"));
        if (!text.isEmpty()) {
            try {
                created = Instant.parse(text);
            } catch (DateTimeParseException e) {
                created = null; // Kubernetes writes it; one that cannot be read says nothing of age
            }
        }
        return new Metadata(strings(fields.get("labels")), strings(fields.get("annotations")), created);
    }

    private static Map<String, String> strings(@Nullable Node node) {
        if (!(node instanceof MappingNode mapping)) {
            return Map.of();
        }
        var strings = new LinkedHashMap<String, String>();
        children(mapping).forEach((name, value) -> strings.put(name, text(value)));
        return java.util.Collections.unmodifiableMap(strings);
    }

    private static Map<String, Node> children(MappingNode mapping) {
        var children = new LinkedHashMap<String, Node>();
        for (NodeTuple entry : mapping.getValue()) {
            if (entry.getKeyNode() instanceof ScalarNode key) {
                children.putIfAbsent(key.getValue(), entry.getValueNode());
            }
        }
        return children;
    }

    private static String text(@Nullable Node node) {
        return node instanceof ScalarNode scalar && !Documents.isNull(scalar) ? scalar.getValue() : "";
    }
}
