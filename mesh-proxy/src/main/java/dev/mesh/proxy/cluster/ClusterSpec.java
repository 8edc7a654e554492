package dev.mesh.proxy.cluster;

import dev.mesh.proxy.codec.Http1Limits;
import dev.mesh.proxy.codec.Http2Limits;
import dev.mesh.proxy.tls.UpstreamTls;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What connections to a cluster need to know of its configuration. Immutable.
///
/// @param connectTimeout default 5 s
/// @param http how requests are sent
/// @param http1IdleTimeout idle pooled connections are closed after it (default 1 h; zero = never)
/// @param maxRequestsPerConnection 0 = no limit
/// @param maxConcurrentStreams HTTP/2 streams per connection at most (and what the peer allows)
/// @param http1 what is taken of HTTP/1 responses, and how requests are written
/// @param bufferLimit `per_connection_buffer_limit_bytes`, default 1 MiB
/// @param tls null = plaintext
/// @param autoSni whether the server name to send is the request's authority
/// @param tcpKeepAlive null = TCP connections are not probed
/// @param http2KeepAlive null = HTTP/2 connections are not probed
/// @param sources of connections
/// @param altStatName name in statistics
public record ClusterSpec(
        String name,
        String altStatName,
        Duration connectTimeout,
        HttpVersion http,
        Duration http1IdleTimeout,
        Duration maxConnectionDuration,
        int maxRequestsPerConnection,
        int maxConcurrentStreams,
        int initialStreamWindow,
        int initialConnectionWindow,
        Http1Limits http1,
        int bufferLimit,
        @Nullable UpstreamTls tls,
        boolean autoSni,
        @Nullable TcpKeepAlive tcpKeepAlive,
        Http2Limits.@Nullable KeepAlive http2KeepAlive,
        Sources sources) {

    /// Which addresses of this machine connections come from.
    ///
    /// @param addresses of which the first is taken that is of the host's family; empty = as the machine chooses
    /// @param freebind whether they need not be there yet
    public record Sources(List<InetSocketAddress> addresses, boolean freebind) {
        static final Sources ANY = new Sources(List.of(), false);

        /// @return null if the machine is to choose
        public @Nullable InetSocketAddress of(SocketAddress host) {
            if (host instanceof InetSocketAddress to) {
                for (InetSocketAddress from : addresses) {
                    if (from.getAddress() instanceof Inet4Address == (to.getAddress() instanceof Inet4Address)) {
                        return from;
                    }
                }
            }
            return null;
        }
    }

    /// Probes of idle TCP connections; 0 = as the machine does.
    public record TcpKeepAlive(int probes, int idleSeconds, int intervalSeconds) {}

    /// Which version of HTTP the upstream is spoken to with.
    public enum HttpVersion {
        HTTP_1,
        HTTP_2,
        /// The downstream request's.
        SAME_AS_DOWNSTREAM,
        /// By ALPN; needs TLS.
        AUTO
    }
}
