package dev.mesh.proxy.listener;

import dev.mesh.api.decide.ListenerTable;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.io.Loops;
import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stats.Scope;
import dev.mesh.proxy.tls.PeerIdentity;
import dev.mesh.proxy.tls.TlsFailure;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.unix.UnixChannelOption;
import io.netty.handler.ssl.SslHandler;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Owns the listening sockets. Changes come on the configuration thread; connections are served on their loops.
///
/// A changed listener keeps its sockets where addresses stay the same: new connections see the new chains, the
/// old ones are told to go when they are done.
public final class ListenerManager {
    private static final Logger LOGGER = LoggerFactory.getLogger(ListenerManager.class);

    private static final InetAddress ANY_IPV4 = InetAddress.ofLiteral("0.0.0.0");
    private static final InetAddress ANY_IPV6 = InetAddress.ofLiteral("::");

    private final Loops loops;
    private final Scope stats;
    private final AtomicLong connectionIds = new AtomicLong();
    private final Map<String, Active> active = new LinkedHashMap<>();
    private boolean healthFailed;
    private final Map<InetSocketAddress, Active> byAddress = new ConcurrentHashMap<>();
    private final Counter added;
    private final Counter modified;
    private final Counter removed;
    private final Gauge total;

    /// A listener that is bound.
    private static final class Active {
        private volatile ListenerSpec spec;
        private boolean drained; // by a drain, which is for good
        private final List<Channel> sockets = new ArrayList<>();
        private final AtomicInteger connections = new AtomicInteger();
        private final Scope scope;

        private final EventLoopGroup balance;

        private Active(ListenerSpec spec, Scope scope, EventLoopGroup balance) {
            this.spec = spec;
            this.scope = scope;
            this.balance = balance;
        }
    }

    public ListenerManager(Loops loops, Scope stats) {
        this.loops = loops;
        this.stats = stats;
        Scope mine = stats.child("listener_manager");
        added = mine.counter("listener_added");
        modified = mine.counter("listener_modified");
        removed = mine.counter("listener_removed");
        total = mine.gauge("total_listeners_active");
    }

    /// Adds or replaces a listener.
    ///
    /// @return why it cannot be bound, or null; then what was there before goes on
    public synchronized @Nullable String put(ListenerSpec spec) {
        Active existing = active.get(spec.name());
        if (existing != null && existing.spec.sockets().serveFor(spec.sockets())) {
            ListenerSpec old = existing.spec;
            existing.spec = spec;
            old.drain().start();
            if (healthFailed || existing.drained) {
                spec.drain().start();
            }
            modified.inc();
            return null;
        }
        String address = !spec.statPrefix().isEmpty()
                ? spec.statPrefix()
                : text(spec.sockets().addresses().getFirst());
        var fresh = new Active(
                spec, stats.tagged("listener", "envoy_listener_address", address), new ExactBalance(loops.all()));
        String problem = bind(fresh);
        if (problem != null) {
            close(fresh);
            return problem;
        }
        active.put(spec.name(), fresh);
        if (healthFailed) {
            spec.drain().start();
        }
        spec.sockets().addresses().forEach(at -> byAddress.put(at, fresh));
        if (existing != null) {
            existing.spec.drain().start();
            forget(existing);
            close(existing);
            modified.inc();
        } else {
            added.inc();
        }
        total.set(active.size());
        return null;
    }

    /// Takes a listener away; its connections are told to go.
    public synchronized void remove(String name) {
        Active gone = active.remove(name);
        if (gone != null) {
            gone.spec.drain().start();
            forget(gone);
            close(gone);
            removed.inc();
            total.set(active.size());
        }
    }

    private void forget(Active gone) {
        gone.spec.sockets().addresses().forEach(at -> byAddress.remove(at, gone));
    }

    /// The listener that has this very address, else the one that has the port on all addresses.
    private @Nullable Active at(InetSocketAddress address) {
        Active exact = byAddress.get(address);
        return exact != null
                ? exact
                : byAddress.get(new InetSocketAddress(
                        address.getAddress() instanceof Inet4Address ? ANY_IPV4 : ANY_IPV6, address.getPort()));
    }

    /// Stops accepting, and lets connections end.
    public synchronized void drain() {
        drain(false, false);
    }

    /// @param graceful whether to go on accepting: connections, the new ones too, are told to end after a request
    /// @param inboundOnly whether only listeners for inbound traffic are meant
    public synchronized void drain(boolean graceful, boolean inboundOnly) {
        for (Active listener : active.values()) {
            if (!inboundOnly || listener.spec.direction() == BindContext.Direction.INBOUND) {
                listener.spec.drain().start();
                listener.drained = true;
                if (!graceful) {
                    close(listener);
                }
            }
        }
    }

    /// Whether connections, the new ones too, are told to end after a request, as while a health check of the proxy is
    /// failed on purpose; listeners go on accepting.
    public synchronized void failHealth(boolean failed) {
        healthFailed = failed;
        for (Active listener : active.values()) {
            if (failed) {
                listener.spec.drain().start();
            } else if (!listener.drained) {
                listener.spec = listener.spec.undrained();
            }
        }
    }

    /// How many connections are open.
    public synchronized int connections() {
        return active.values().stream()
                .mapToInt(listener -> listener.connections.get())
                .sum();
    }

    /// Name → addresses that are really bound (port 0 was replaced), or that it is known by.
    public synchronized Map<String, List<InetSocketAddress>> bound() {
        var bound = new LinkedHashMap<String, List<InetSocketAddress>>();
        active.forEach((name, listener) -> bound.put(
                name,
                !listener.spec.sockets().bound()
                        ? listener.spec.sockets().addresses()
                        : listener.sockets.stream()
                                .map(socket -> (InetSocketAddress) socket.localAddress())
                                .distinct()
                                .toList()));
        return bound;
    }

    /// The listener as it serves now, or null.
    public synchronized @Nullable ListenerSpec spec(String name) {
        Active found = active.get(name);
        return found == null ? null : found.spec;
    }

    private @Nullable String bind(Active listener) {
        ListenerSpec spec = listener.spec;
        if (spec.restores() && !loops.epoll()) {
            return "listener_filters: original_dst needs epoll, which this machine has not";
        }
        if (spec.keepsSource() != null && !loops.epoll()) {
            return "listener_filters: original_src needs epoll, which this machine has not";
        }
        if (!spec.sockets().bound()) {
            return null;
        }
        for (InetSocketAddress address : spec.sockets().addresses()) {
            InetSocketAddress target = address;
            boolean spread = spec.sockets().reusePort() && loops.reusePort();
            for (EventLoop loop : spread ? loops.all() : loops.all().subList(0, 1)) {
                var bootstrap = bootstrap(listener, loop, spread);
                var bound = bootstrap.bind(target).awaitUninterruptibly();
                if (!bound.isSuccess()) {
                    Throwable cause = bound.cause();
                    return "cannot bind " + text(target) + ": " + (cause == null ? "unknown" : cause.getMessage());
                }
                listener.sockets.add(bound.channel());
                if (spec.sockets().transparent()
                        && !Boolean.TRUE.equals(
                                bound.channel().config().getOption(EpollChannelOption.IP_TRANSPARENT))) {
                    return "transparent: cannot be set for " + text(target)
                            + " (expected: epoll, and a process with the capability NET_ADMIN)";
                }
                // The other loops share the port that was found for the first.
                target = (InetSocketAddress) bound.channel().localAddress();
            }
        }
        return null;
    }

    private ServerBootstrap bootstrap(Active listener, EventLoop loop, boolean spread) {
        // Accept and serve on one loop; where one socket must do for all, connections are spread by the group.
        EventLoopGroup children = loops.all().size() == 1
                ? loop
                : listener.spec.sockets().balanced() ? listener.balance : spread ? loop : loop.parent();
        var bootstrap = new ServerBootstrap()
                .group(loop, children == null ? loop : children)
                .channel(loops.serverChannel())
                .option(ChannelOption.SO_REUSEADDR, true)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childOption(ChannelOption.AUTO_READ, false)
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .childOption(ChannelOption.RECVBUF_ALLOCATOR, Loops.receiveBuffers(listener.spec.bufferLimit()))
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        accepted(listener, channel);
                    }
                });
        ListenerSpec.Sockets sockets = listener.spec.sockets();
        if (sockets.backlog() > 0) {
            bootstrap.option(ChannelOption.SO_BACKLOG, sockets.backlog());
        }
        if (sockets.transparent() && loops.epoll()) {
            bootstrap.option(EpollChannelOption.IP_TRANSPARENT, true);
        }
        if (sockets.freebind() && loops.epoll()) {
            bootstrap.option(EpollChannelOption.IP_FREEBIND, true);
        }
        if (spread) {
            bootstrap.option(UnixChannelOption.SO_REUSEPORT, true);
        }
        return bootstrap;
    }

    private void accepted(Active listener, Channel channel) {
        ListenerSpec spec = listener.spec;
        if (listener.connections.incrementAndGet() > spec.maxConnections()) {
            listener.connections.decrementAndGet();
            listener.scope.counter("downstream_cx_overflow").inc();
            channel.close();
            return;
        }
        var taken = new Taken(
                channel,
                spec.restores() ? Redirected.destination(channel, spec.sockets().transparent()) : null,
                listener);
        channel.closeFuture().addListener(closed -> taken.listener.connections.decrementAndGet());
        inspect(taken, spec, spec.handsOver());
    }

    /// An accepted connection on its way to its filter chain. Event loop only.
    private static final class Taken {
        private final Channel channel;
        private final @Nullable InetSocketAddress original;
        private Active listener;

        private Taken(Channel channel, @Nullable InetSocketAddress original, Active listener) {
            this.channel = channel;
            this.original = original;
            this.listener = listener;
        }
    }

    private void inspect(Taken taken, ListenerSpec spec, boolean mayHandOver) {
        Active listener = taken.listener;
        Channel channel = taken.channel;
        int limit = spec.bufferLimit();
        channel.config().setWriteBufferWaterMark(new WriteBufferWaterMark(limit / 2, limit));
        var connection =
                new AcceptedConnection(connectionIds.incrementAndGet(), spec, listener.scope, channel, taken.original);
        if (spec.inspection().any(connection.destinationPort())) {
            channel.pipeline()
                    .addLast(new Inspection(
                            spec,
                            connection,
                            listener.scope,
                            stats,
                            inspected -> route(taken, spec, connection, mayHandOver)));
            channel.eventLoop().execute(channel::read);
        } else {
            route(taken, spec, connection, mayHandOver);
        }
    }

    // Handed over once at most: the listener that gets it serves it.
    private void route(Taken taken, ListenerSpec spec, AcceptedConnection connection, boolean mayHandOver) {
        Active other = mayHandOver && taken.original != null ? at(taken.original) : null;
        if (other == null || other == taken.listener) {
            serve(spec, taken.channel, connection, taken.listener.scope);
            return;
        }
        taken.listener.connections.decrementAndGet();
        taken.listener = other;
        other.connections.incrementAndGet();
        inspect(taken, other.spec, false);
    }

    private static void serve(ListenerSpec spec, Channel channel, AcceptedConnection connection, Scope scope) {
        int found = spec.table().find(connection, null);
        ListenerSpec.Chain chain =
                found >= 0 ? spec.chains().get(found) : found == ListenerTable.DEFAULT ? spec.otherwise() : null;
        if (chain == null) {
            scope.counter("no_filter_chain_match").inc();
            channel.close();
            return;
        }
        scope.counter("downstream_cx_total").inc();
        Gauge open = scope.gauge("downstream_cx_active");
        open.inc();
        channel.closeFuture().addListener(closed -> open.dec());
        connection.chain(chain.name());
        if (chain.tls() == null) {
            install(chain, channel, connection);
        } else {
            handshake(chain, channel, connection, scope);
        }
    }

    private static void install(ListenerSpec.Chain chain, Channel channel, AcceptedConnection connection) {
        for (var filter : chain.filters()) {
            filter.install(channel.pipeline(), connection);
        }
    }

    private static void handshake(
            ListenerSpec.Chain chain, Channel channel, AcceptedConnection connection, Scope scope) {
        var context = chain.tls();
        if (context == null) {
            return;
        }
        if (!context.accepts(connection.hello())) {
            scope.child("ssl").counter("connection_error").inc();
            channel.close();
            return;
        }
        SslHandler tls = context.newHandler(channel.alloc(), connection.hello());
        if (tls == null) {
            scope.child("server_ssl_socket_factory")
                    .counter("downstream_context_secrets_not_ready")
                    .inc();
            channel.close();
            return;
        }
        // Zero = without a limit, as in Envoy.
        tls.setHandshakeTimeout(chain.handshakeTimeout().toMillis(), TimeUnit.MILLISECONDS);
        var reads = new HandshakeReads();
        channel.pipeline().addLast(tls, reads);
        channel.eventLoop().execute(channel::read);
        tls.handshakeFuture().addListener(done -> {
            if (done.isSuccess()) {
                String alpn = tls.applicationProtocol();
                connection.secured(
                        alpn == null ? "" : alpn, PeerIdentity.of(tls.engine().getSession()));
                scope.child("ssl").counter("handshake").inc();
                channel.pipeline().remove(reads);
                install(chain, channel, connection);
            } else {
                Throwable cause = done.cause();
                TlsFailure failure = cause == null ? null : TlsFailure.of(cause);
                scope.child("ssl")
                        .counter((failure == null ? TlsFailure.Kind.OTHER : failure.kind()).counter())
                        .inc();
                channel.close();
            }
        });
    }

    /// Keeps the handshake going, since nothing is read by itself.
    private static final class HandshakeReads extends ChannelInboundHandlerAdapter {
        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            ctx.read();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            LOGGER.atDebug().setCause(cause).log("TLS handshake failed");
            ctx.close();
        }
    }

    private static void close(Active listener) {
        for (Channel socket : listener.sockets) {
            socket.close().awaitUninterruptibly(5, TimeUnit.SECONDS);
        }
        listener.sockets.clear();
    }

    private static String text(InetSocketAddress address) {
        return address.getAddress().getHostAddress() + ":" + address.getPort();
    }
}
