package dev.mesh.pilot.model;

/// What holds where the settings of the mesh say nothing.
///
/// @param rootNamespace whose objects hold for all namespaces where those have none
/// @param accessLogFile of proxies; empty: none
public record MeshDefaults(String rootNamespace, String accessLogFile) {
    /// A local mesh: Istio's root namespace, so that its examples work, and a log to look at.
    public static final MeshDefaults LOCAL = new MeshDefaults("istio-system", "/dev/stdout");

    /// A cluster, as in Istio.
    ///
    /// @param namespace the pilot's own
    public static MeshDefaults ofCluster(String namespace) {
        return new MeshDefaults(namespace, "");
    }
}
