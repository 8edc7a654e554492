package dev.mesh.api.xds;

/// Values of `node.client_features` and node metadata keys by which a client says what it can do.
public final class ClientFeatures {
    /// The client stages a push and activates it at its [dev.mesh.api.proto.v1.PushCommit].
    public static final String PUSH_COMMIT = "mesh.push_commit";

    /// The client takes virtual hosts one by one (VHDS): boolean in `node.metadata`, because real Envoy
    /// lets its user set metadata but not features.
    public static final String VHDS_METADATA = "MESH_VHDS";

    /// The client takes the name table (NDS) in parts, a resource for each host that counts together with the others:
    /// one for all, as Istio has it, would be sent whole for every change. Incremental xDS only.
    public static final String NAMES_APART = "mesh.names_apart";

    private ClientFeatures() {}
}
