package dev.mesh.proxy.listener;

import dev.mesh.api.decide.ConnectionView;
import dev.mesh.proxy.cluster.ClientSource;
import dev.mesh.proxy.filter.DownstreamConnection;
import dev.mesh.proxy.stats.Scope;
import dev.mesh.proxy.tls.ClientHello;
import io.netty.channel.Channel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// An accepted connection. Event loop only.
final class AcceptedConnection implements DownstreamConnection, ConnectionView {
    private final long id;
    private final ListenerSpec listener;
    private final Scope scope;
    private final InetSocketAddress local;
    private final boolean restored;
    private final InetSocketAddress remote;
    private final Channel channel;
    private String chainName = "";
    private boolean tls;
    private String protocol = "";
    private String serverName = "";
    private List<String> offered = List.of();
    private @Nullable ClientHello hello;
    private @Nullable String principal;

    /// @param original where the client was going; null = to the socket's own address, as far as is known
    AcceptedConnection(
            long id, ListenerSpec listener, Scope scope, Channel channel, @Nullable InetSocketAddress original) {
        this.id = id;
        this.listener = listener;
        this.scope = scope;
        this.channel = channel;
        restored = original != null;
        local = original != null ? original : (InetSocketAddress) channel.localAddress();
        remote = (InetSocketAddress) channel.remoteAddress();
    }

    void chain(String name) {
        chainName = name;
    }

    /// What the TLS client asks for.
    void said(ClientHello first) {
        tls = true;
        hello = first;
        serverName = first.serverName();
        offered = first.protocols();
    }

    @Nullable
    ClientHello hello() {
        return hello;
    }

    /// @param protocols that a listener filter found out
    void detected(List<String> protocols) {
        offered = protocols;
    }

    /// The handshake is done.
    ///
    /// @param alpn what was agreed on; empty = nothing
    /// @param peer who the client is by its certificate; null = it has none
    void secured(String alpn, @Nullable String peer) {
        tls = true;
        protocol = alpn;
        principal = peer;
    }

    @Override
    public long id() {
        return id;
    }

    @Override
    public ConnectionView view() {
        return this;
    }

    @Override
    public String listenerName() {
        return listener.name();
    }

    @Override
    public String filterChainName() {
        return chainName;
    }

    @Override
    public Scope listenerScope() {
        return scope;
    }

    @Override
    public String negotiatedProtocol() {
        return protocol;
    }

    @Override
    public int bufferLimit() {
        return listener.bufferLimit();
    }

    @Override
    public @Nullable ClientSource clientSource() {
        ListenerSpec.OriginalSource kept = listener.keepsSource();
        return kept == null ? null : new ClientSource(remote.getAddress(), kept.mark());
    }

    @Override
    public boolean draining() {
        return listener.drain().started();
    }

    @Override
    public void onDrain(Runnable action) {
        Runnable takeBack = listener.drain().onStart(channel.eventLoop(), action);
        channel.closeFuture().addListener(closed -> takeBack.run());
    }

    @Override
    public InetAddress destinationAddress() {
        return local.getAddress();
    }

    @Override
    public int destinationPort() {
        return local.getPort();
    }

    @Override
    public boolean destinationRestored() {
        return restored;
    }

    @Override
    public InetAddress sourceAddress() {
        return remote.getAddress();
    }

    @Override
    public int sourcePort() {
        return remote.getPort();
    }

    @Override
    public InetAddress directSourceAddress() {
        return remote.getAddress();
    }

    @Override
    public String serverName() {
        return serverName;
    }

    @Override
    public String transportProtocol() {
        return tls ? "tls" : "raw_buffer";
    }

    @Override
    public List<String> applicationProtocols() {
        return offered;
    }

    @Override
    public @Nullable String peerPrincipal() {
        return principal;
    }
}
