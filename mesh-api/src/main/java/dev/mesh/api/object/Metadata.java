package dev.mesh.api.object;

import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The part of `metadata` that a mesh looks at; the name stands in [MeshObject#ref].
///
/// @param creationTimestamp decides between objects that claim the same thing; null for objects from files
public record Metadata(
        Map<String, String> labels,
        Map<String, String> annotations,
        @Nullable Instant creationTimestamp) {
    public static final Metadata EMPTY = new Metadata(Map.of(), Map.of(), null);
}
