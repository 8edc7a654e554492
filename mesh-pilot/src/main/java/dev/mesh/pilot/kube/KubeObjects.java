package dev.mesh.pilot.kube;

import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.read.Kinds;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Objects of the API server as the trees that the reader takes. Pure.
final class KubeObjects {
    /// Names the pilot that reads an object (Istio's revisions).
    static final String REVISION = "istio.io/rev";

    static final String STATUS = "status";

    private static final String LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

    private KubeObjects() {}

    /// The object with what the mesh looks at of its metadata.
    static Map<String, Object> tree(Kinds.Kind kind, String version, GenericKubernetesResource object) {
        var tree = new LinkedHashMap<String, Object>(object.getAdditionalProperties());
        tree.put("apiVersion", kind.group().isEmpty() ? version : kind.group() + "/" + version);
        tree.put("kind", kind.name());
        ObjectMeta from = object.getMetadata();
        var metadata = new LinkedHashMap<String, Object>();
        metadata.put("name", from.getName());
        put(metadata, "namespace", from.getNamespace());
        put(metadata, "creationTimestamp", from.getCreationTimestamp());
        put(metadata, "labels", from.getLabels());
        Map<String, String> annotations = from.getAnnotations();
        if (annotations != null && !annotations.isEmpty()) {
            var kept = new LinkedHashMap<>(annotations);
            kept.remove(LAST_APPLIED);
            metadata.put("annotations", kept);
        }
        tree.put("metadata", metadata);
        if (isMesh(kind)) {
            tree.remove(STATUS);
        }
        return tree;
    }

    private static void put(Map<String, Object> into, String name, @Nullable Object value) {
        if (value != null) {
            into.put(name, value);
        }
    }

    /// Whether it is a kind of the mesh, and not one of Kubernetes' own.
    static boolean isMesh(Kinds.Kind kind) {
        return kind.group().endsWith(".istio.io") || kind.group().equals("mesh.dev");
    }

    /// Whether a pilot that is known by these revisions reads it: one without the label is for all.
    static boolean isOf(Set<String> revisions, GenericKubernetesResource object) {
        String named = revision(object);
        return named == null || revisions.contains(named);
    }

    /// The revision that it is for; null: all.
    static @Nullable String revision(GenericKubernetesResource object) {
        Map<String, String> labels = object.getMetadata().getLabels();
        return labels == null ? null : labels.get(REVISION);
    }

    /// What stands in its status; empty: nothing.
    static Map<String, Object> status(GenericKubernetesResource object) {
        var status = new LinkedHashMap<String, Object>();
        if (object.getAdditionalProperties().get(STATUS) instanceof Map<?, ?> found) {
            found.forEach((name, value) -> status.put(String.valueOf(name), value));
        }
        return status;
    }

    /// Name of the kind in paths of the API, such as `virtualservices`.
    static String plural(Kinds.Kind kind) {
        String name = kind.name().toLowerCase(Locale.ROOT);
        if (name.endsWith("y") && !name.endsWith("ay")) {
            return name.substring(0, name.length() - 1) + "ies";
        }
        return name.endsWith("s") ? name : name + "s";
    }

    static ResourceRef ref(Kinds.Kind kind, GenericKubernetesResource object) {
        String namespace = object.getMetadata().getNamespace();
        return new ResourceRef(
                kind.group(),
                kind.name(),
                namespace == null ? "" : namespace,
                object.getMetadata().getName());
    }

    /// Name of the object among the registry's origins.
    static String origin(ResourceRef ref) {
        return ref.group() + "/" + ref.kind() + "/" + ref.namespace() + "/" + ref.name();
    }
}
