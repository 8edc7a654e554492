package dev.mesh.pilot.kube;

import dev.mesh.api.finding.ResourceRef;
import java.util.Map;

/// How an object of the mesh stands in the API server, as far as its watch has told.
///
/// @param ref its name
/// @param version in which it is watched, such as `v1`
/// @param plural of its kind, as in paths of the API
/// @param resourceVersion of what was seen last
/// @param generation of its spec
/// @param forAll whether pilots of all revisions read it
/// @param inUse whether it could be read; otherwise an older form of it is used, or none
/// @param status as it stands there; empty: none
public record Standing(
        ResourceRef ref,
        String version,
        String plural,
        String resourceVersion,
        long generation,
        boolean forAll,
        boolean inUse,
        Map<String, Object> status) {}
