package dev.mesh.api.decide;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// The compiled filter chain matches of one listener, in Envoy's fixed order and without backtracking
/// (`envoy.config.listener.v3.FilterChainMatch`). Immutable.
///
/// The chains themselves belong to the proxy; here they are positions in the listener's list.
public interface ListenerTable {
    /// Position meaning: the listener's `default_filter_chain`.
    int DEFAULT = -1;

    /// Position meaning: no filter chain; the connection is closed.
    int NONE = -2;

    /// Names of the chains, by position; an unnamed one is called by its position.
    List<String> chainNames();

    int find(ConnectionView connection, @Nullable Trace trace);
}
