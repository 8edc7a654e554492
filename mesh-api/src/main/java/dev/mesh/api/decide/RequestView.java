package dev.mesh.api.decide;

import org.jspecify.annotations.Nullable;

/// What deciding may know of an HTTP request. Implemented by the proxy over its header map without
/// copying, and by plain records elsewhere. Strings hold one byte per char (Latin-1), as they came.
public interface RequestView extends HeaderValues {
    String method();

    /// `http` or `https`, lower case.
    String scheme();

    /// `:authority` or Host, as it came but for what the connection manager strips.
    String authority();

    /// Path with query and, if it came so, path parameters; empty for CONNECT without a path.
    String path();

    /// The values of a header joined with `,`, or null if it is absent. Pseudo headers are found under
    /// `:method`, `:authority`, `:path` and `:scheme`.
    ///
    /// @param lowerCaseName in lower case
    @Nullable
    String header(String lowerCaseName);

    ConnectionView connection();
}
