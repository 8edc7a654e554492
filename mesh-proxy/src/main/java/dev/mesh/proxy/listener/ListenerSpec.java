package dev.mesh.proxy.listener;

import dev.mesh.api.decide.ListenerTable;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import dev.mesh.proxy.tls.DownstreamTls;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/// A checked listener, ready to serve.
///
/// @param statPrefix name in statistics; empty = its address
/// @param sockets that it accepts on, or is known by
/// @param chains by the positions of `table`
/// @param otherwise the default filter chain
/// @param maxConnections at once; more are closed when accepted
/// @param restores whether it finds out where redirected connections were going
/// @param handsOver whether it gives such a connection to the listener that has that address
/// @param keepsSource how upstreams are called from the clients' addresses; null = they are called from the proxy's
/// @param inspection what is to be known of a connection before its filter chain is chosen
/// @param drain starts when the listener was replaced or removed, or the proxy drains
public record ListenerSpec(
        String name,
        String statPrefix,
        Sockets sockets,
        int bufferLimit,
        int maxConnections,
        ListenerTable table,
        List<Chain> chains,
        @Nullable Chain otherwise,
        BindContext.Direction direction,
        boolean restores,
        boolean handsOver,
        @Nullable OriginalSource keepsSource,
        Inspected inspection,
        Drain drain) {

    /// The same, whose connections have not been told to go.
    ListenerSpec undrained() {
        return new ListenerSpec(
                name,
                statPrefix,
                sockets,
                bufferLimit,
                maxConnections,
                table,
                chains,
                otherwise,
                direction,
                restores,
                handsOver,
                keepsSource,
                inspection,
                new Drain());
    }

    /// Where it listens.
    ///
    /// @param addresses at least one
    /// @param bound whether it accepts there; otherwise only what another listener hands over comes to it
    /// @param reusePort whether each event loop has a socket of its own
    /// @param transparent whether it takes connections to addresses that are not this machine's (TPROXY)
    /// @param freebind whether the addresses need not be there yet
    /// @param balanced whether a new connection goes to the event loop that has the fewest
    /// @param backlog 0 = the machine's
    public record Sockets(
            List<InetSocketAddress> addresses,
            boolean bound,
            boolean reusePort,
            boolean transparent,
            boolean freebind,
            boolean balanced,
            int backlog) {
        /// Whether sockets of these settings do for `other` as well.
        boolean serveFor(Sockets other) {
            return addresses.equals(other.addresses)
                    && bound == other.bound
                    && transparent == other.transparent
                    && freebind == other.freebind
                    && balanced == other.balanced;
        }
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

    /// Connections to upstreams are made from the address of the client.
    ///
    /// @param mark of their packets; 0 = none
    public record OriginalSource(int mark) {}

    /// What the listener filters look at.
    ///
    /// @param tls whether it is TLS, and what its client asks for
    /// @param http which version of HTTP it is
    /// @param notTls destination ports where it is not looked at for TLS
    /// @param notHttp destination ports where it is not looked at for HTTP
    /// @param timeout how long the first bytes are waited for; zero = for ever
    /// @param continueAfterTimeout whether the connection then goes on with what is known; otherwise it is closed
    public record Inspected(
            boolean tls,
            boolean http,
            IntPredicate notTls,
            IntPredicate notHttp,
            Duration timeout,
            boolean continueAfterTimeout) {
        public static final Inspected NOTHING =
                new Inspected(false, false, port -> true, port -> true, Duration.ZERO, false);

        boolean tls(int port) {
            return tls && !notTls.test(port);
        }

        boolean http(int port) {
            return http && !notHttp.test(port);
        }

        boolean any(int port) {
            return tls(port) || http(port);
        }
    }
}
