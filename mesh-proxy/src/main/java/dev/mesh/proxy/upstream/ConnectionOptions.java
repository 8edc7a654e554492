package dev.mesh.proxy.upstream;

import dev.mesh.proxy.cluster.ClientSource;
import org.jspecify.annotations.Nullable;

/// What a connection owes to the request, or the client, that it is opened for. Others do not share it.
///
/// @param serverName to ask for by TLS; empty = what the cluster's configuration says
/// @param source where it comes from; null = what the cluster's configuration says
public record ConnectionOptions(String serverName, @Nullable ClientSource source) {
    private static final ConnectionOptions NONE = new ConnectionOptions("", null);

    public static ConnectionOptions of(String serverName, @Nullable ClientSource source) {
        return serverName.isEmpty() && source == null ? NONE : new ConnectionOptions(serverName, source);
    }
}
