package dev.mesh.api.networking;

import dev.mesh.api.shape.Required;

/// The object that a policy is attached to.
public record TargetRef(
        String group, @Required String kind, @Required String name, String namespace) {}
