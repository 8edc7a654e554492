package dev.mesh.api.networking;

import dev.mesh.api.shape.Required;
import org.jspecify.annotations.Nullable;

/// Where traffic goes.
///
/// @param host name in the service registry; short names belong to the namespace of the rule
/// @param subset of a DestinationRule for the host, or empty
/// @param port null if the service has one port only
public record Destination(
        @Required String host, String subset, @Nullable PortSelector port) {}
