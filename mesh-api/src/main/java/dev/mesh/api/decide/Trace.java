package dev.mesh.api.decide;

/// Writes down why each candidate was taken or passed over. Deciding calls it only where the caller gave
/// one, so the strings cost nothing on the request path.
public interface Trace {
    /// What a line of the trace is about.
    enum Stage {
        LISTENER,
        FILTER_CHAIN,
        VIRTUAL_HOST,
        ROUTE,
        CLUSTER,
        ENDPOINT
    }

    /// @param name of the candidate, as in the configuration
    /// @param reason in words: `prefix /cart matches`, `header x-user: "ann" (expected: exact "jason")`
    void taken(Stage stage, String name, String reason);

    /// @param name of the candidate, as in the configuration
    /// @param reason in words, with what came and what was expected
    void passedOver(Stage stage, String name, String reason);
}
