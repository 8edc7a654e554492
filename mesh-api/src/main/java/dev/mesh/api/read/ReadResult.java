package dev.mesh.api.read;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.object.MeshObject;
import java.util.List;

/// What a text held.
///
/// @param objects those that were understood, in the order of the text; an object with an ERROR is not among them
/// @param findings in the order of the text
public record ReadResult(List<MeshObject> objects, List<Finding> findings) {
    public ReadResult {
        objects = List.copyOf(objects);
        findings = List.copyOf(findings);
    }
}
