package dev.mesh.api.object;

import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.finding.SourcePosition;

/// One object as a user wrote it. Immutable.
///
/// @param ref without `metadata.namespace` the reader's default namespace; empty for cluster-scoped kinds
/// @param apiVersion as written, such as `networking.istio.io/v1beta1`; every version gives the same record
/// @param position of the start of the object
/// @param positions where each field stands
public record MeshObject(
        ResourceRef ref,
        String apiVersion,
        Metadata metadata,
        Spec spec,
        SourcePosition position,
        PositionIndex positions) {}
