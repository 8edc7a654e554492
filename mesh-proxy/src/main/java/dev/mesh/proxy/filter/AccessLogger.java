package dev.mesh.proxy.filter;

import dev.mesh.proxy.stream.StreamInfo;

/// Writes down a request or connection that has ended. Called on its event loop; never blocks.
@FunctionalInterface
public interface AccessLogger {
    void log(StreamInfo stream);
}
