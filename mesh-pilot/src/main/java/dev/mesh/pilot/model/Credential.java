package dev.mesh.pilot.model;

import dev.mesh.api.finding.ResourceRef;

/// A certificate with its key, or certificates to trust, or both, as a Secret holds them. PEM.
///
/// @param from the Secret
/// @param chain empty: none
/// @param key of the first certificate of `chain`; empty: none
/// @param authorities to trust; empty: none
/// @param revocations revocation lists of `authorities`; empty: none
public record Credential(ResourceRef from, String chain, String key, String authorities, String revocations) {
    /// Without what is secret.
    @Override
    public String toString() {
        return "Credential[from=" + from + "]";
    }
}
