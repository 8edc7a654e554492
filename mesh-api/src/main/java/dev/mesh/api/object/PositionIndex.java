package dev.mesh.api.object;

import dev.mesh.api.finding.SourcePosition;

/// Where the fields of one object stand.
@FunctionalInterface
public interface PositionIndex {
    /// The place of a field path such as `spec.http[0].match[1].uri`. A path that is not in the text answers with its
    /// nearest ancestor that is, at last the object itself. Map keys that are no plain words are written in
    /// brackets: `spec.http[0].match[0].headers["x-user"]`.
    SourcePosition of(String fieldPath);
}
