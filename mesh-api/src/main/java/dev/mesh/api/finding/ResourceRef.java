package dev.mesh.api.finding;

/// Names one Kubernetes-style object.
///
/// @param group API group without version; empty for the core group
/// @param namespace empty for cluster-scoped kinds
public record ResourceRef(String group, String kind, String namespace, String name) implements Comparable<ResourceRef> {
    private static final java.util.Comparator<ResourceRef> ORDER = java.util.Comparator.comparing(ResourceRef::group)
            .thenComparing(ResourceRef::kind)
            .thenComparing(ResourceRef::namespace)
            .thenComparing(ResourceRef::name);

    @Override
    public int compareTo(ResourceRef other) {
        return ORDER.compare(this, other);
    }

    @Override
    public String toString() {
        return kind + " " + (namespace.isEmpty() ? "" : namespace + "/") + name;
    }
}
