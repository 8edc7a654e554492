package dev.mesh.api.decide;

/// The object that a route or virtual host was made from, carried in xDS as
/// `metadata.filter_metadata["dev.mesh"]`. Identity only: file and line are looked up in the pilot.
///
/// @param group API group, such as `networking.istio.io`; empty for the core group
/// @param rule name of the rule in the object; empty if the whole object
public record Provenance(String group, String kind, String namespace, String name, String rule) {
    /// Key in `filter_metadata`; its struct has the fields `group`, `kind`, `namespace`, `name`, `rule`.
    public static final String METADATA_KEY = "dev.mesh";

    @Override
    public String toString() {
        return kind + " " + namespace + "/" + name + (rule.isEmpty() ? "" : " rule " + rule);
    }
}
