package dev.mesh.proxy.filter;

import dev.mesh.api.decide.ConnectionView;
import dev.mesh.proxy.cluster.ClientSource;
import dev.mesh.proxy.stats.Scope;
import org.jspecify.annotations.Nullable;

/// An accepted connection, as its filters see it. On its event loop.
public interface DownstreamConnection {
    long id();

    ConnectionView view();

    String listenerName();

    String filterChainName();

    /// `listener.<address>.`
    Scope listenerScope();

    /// Protocol by ALPN or by a listener filter's detection: `h2`, `http/1.1`, or empty if unknown.
    String negotiatedProtocol();

    /// Bytes that may wait to be written before reading from the other side pauses.
    int bufferLimit();

    /// Where connections to upstreams are to come from for this client; null = from the proxy.
    @Nullable
    ClientSource clientSource();

    /// Whether the listener drains: connections are to be ended at the next chance.
    boolean draining();

    /// Runs `action` on the connection's event loop when its listener starts to drain, soon if it has.
    void onDrain(Runnable action);
}
