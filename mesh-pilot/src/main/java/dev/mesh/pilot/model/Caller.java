package dev.mesh.pilot.model;

import dev.mesh.api.identity.SpiffeId;

/// Who is calling, as proven by a certificate of the mesh or by a token that the API server has judged.
///
/// @param pod that the token is bound to; empty if it says none
public record Caller(SpiffeId identity, String pod) {
    public Caller(SpiffeId identity) {
        this(identity, "");
    }
}
