package dev.mesh.proxy.listener;

import dev.mesh.api.decide.ListenerTable;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import io.netty.handler.ssl.SslContext;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A checked listener, ready to serve.
///
/// @param addresses that it binds; empty if it does not bind
/// @param chains by the positions of `table`
/// @param otherwise the default filter chain
/// @param maxConnections at once; more are closed when accepted
/// @param inspectionTimeout how long a listener filter waits for the first bytes; zero = for ever, or no filter
/// @param continueAfterInspectionTimeout whether the connection then goes on; otherwise it is closed
/// @param drain starts when the listener was replaced or removed, or the proxy drains
public record ListenerSpec(
        String name,
        List<InetSocketAddress> addresses,
        boolean reusePort,
        int backlog,
        int bufferLimit,
        int maxConnections,
        ListenerTable table,
        List<Chain> chains,
        @Nullable Chain otherwise,
        BindContext.Direction direction,
        Duration inspectionTimeout,
        boolean continueAfterInspectionTimeout,
        Drain drain) {

    /// One filter chain.
    ///
    /// @param tls null = plaintext
    public record Chain(
            String name,
            List<NetworkFilterFactory.Bound> filters,
            @Nullable SslContext tls) {}
}
