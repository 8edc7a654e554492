package dev.mesh.proxy.listener;

import dev.mesh.api.decide.ListenerTable;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import dev.mesh.proxy.tls.DownstreamTls;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A checked listener, ready to serve.
///
/// @param statPrefix name in statistics; empty = its address
/// @param addresses that it binds; empty if it does not bind
/// @param chains by the positions of `table`
/// @param otherwise the default filter chain
/// @param maxConnections at once; more are closed when accepted
/// @param inspection what is to be known of a connection before its filter chain is chosen
/// @param drain starts when the listener was replaced or removed, or the proxy drains
public record ListenerSpec(
        String name,
        String statPrefix,
        List<InetSocketAddress> addresses,
        boolean reusePort,
        int backlog,
        int bufferLimit,
        int maxConnections,
        ListenerTable table,
        List<Chain> chains,
        @Nullable Chain otherwise,
        BindContext.Direction direction,
        Inspected inspection,
        Drain drain) {

    /// The same, whose connections have not been told to go.
    ListenerSpec undrained() {
        return new ListenerSpec(
                name,
                statPrefix,
                addresses,
                reusePort,
                backlog,
                bufferLimit,
                maxConnections,
                table,
                chains,
                otherwise,
                direction,
                inspection,
                new Drain());
    }

    /// One filter chain.
    ///
    /// @param tls null = plaintext
    /// @param handshakeTimeout zero = for ever
    public record Chain(
            String name,
            List<NetworkFilterFactory.Bound> filters,
            @Nullable DownstreamTls tls,
            Duration handshakeTimeout) {}

    /// What the listener filters look at.
    ///
    /// @param tls whether it is TLS, and what its client asks for
    /// @param http which version of HTTP it is
    /// @param timeout how long the first bytes are waited for; zero = for ever
    /// @param continueAfterTimeout whether the connection then goes on with what is known; otherwise it is closed
    public record Inspected(boolean tls, boolean http, Duration timeout, boolean continueAfterTimeout) {
        public static final Inspected NOTHING = new Inspected(false, false, Duration.ZERO, false);

        boolean any() {
            return tls || http;
        }
    }
}
