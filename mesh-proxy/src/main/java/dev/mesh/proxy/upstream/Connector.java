package dev.mesh.proxy.upstream;

import dev.mesh.proxy.cluster.Cluster;
import dev.mesh.proxy.cluster.Host;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;

/// Opens connections to hosts, TLS included, on the caller's event loop, and counts them.
public interface Connector {
    /// The channel is connected, its TLS handshake (if any) done, auto-read off, and its pipeline empty but
    /// for TLS. ALPN's answer is in [#ALPN]. Fails with an exception whose message is fit for
    /// `%UPSTREAM_TRANSPORT_FAILURE_REASON%`; a `ConnectTimeoutException` if time was up.
    ///
    /// @param protocol that will be spoken, in ALPN's terms; empty = unknown bytes
    Future<Channel> connect(EventLoop loop, Cluster cluster, Host host, ConnectionOptions options, String protocol);

    io.netty.util.AttributeKey<String> ALPN = io.netty.util.AttributeKey.valueOf(Connector.class, "ALPN");
}
