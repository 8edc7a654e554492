package dev.mesh.api.networking;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Changes to the headers of requests and of responses.
public record Headers(
        @Nullable HeaderOperations request, @Nullable HeaderOperations response) {

    /// @param set overwrites
    /// @param add appends
    public record HeaderOperations(Map<String, String> set, Map<String, String> add, List<String> remove) {}
}
