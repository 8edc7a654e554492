package dev.mesh.pilot.boot;

import dev.mesh.pilot.ca.IssuanceCounts;
import dev.mesh.pilot.ca.SigningMaterial;
import java.util.function.Supplier;

/// The identities that a pilot gives.
///
/// @param trustDomain that it signs for as long as it runs
/// @param signsWith as of now
record Identities(String trustDomain, IssuanceCounts counts, Supplier<SigningMaterial> signsWith) {
    /// Where nothing else is said.
    static final String TRUST_DOMAIN = "cluster.local";
}
