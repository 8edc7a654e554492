package dev.mesh.proxy.upstream;

import dev.mesh.proxy.cluster.ClientSource;
import dev.mesh.proxy.cluster.Cluster;
import dev.mesh.proxy.cluster.ClusterSpec;
import dev.mesh.proxy.cluster.Host;
import dev.mesh.proxy.io.Addresses;
import dev.mesh.proxy.io.Loops;
import dev.mesh.proxy.stats.Scope;
import dev.mesh.proxy.tls.TlsFailure;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.EventLoop;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.socket.nio.NioChannelOption;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.unix.IntegerUnixChannelOption;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jdk.net.ExtendedSocketOptions;
import org.jspecify.annotations.Nullable;

/// Opens TCP connections, with TLS where the cluster has it.
public final class TcpConnector implements Connector {
    // In the words of errno, which are Envoy's.
    private static final List<String> CONNECT_ERRORS = List.of(
            "Connection refused",
            "No such file or directory",
            "Permission denied",
            "Network is unreachable",
            "No route to host",
            "Connection reset by peer");

    // SO_MARK of SOL_SOCKET, by Linux's numbers.
    private static final ChannelOption<Integer> MARK = new IntegerUnixChannelOption("SO_MARK", 1, 36);

    private final Loops loops;

    public TcpConnector(Loops loops) {
        this.loops = loops;
    }

    @Override
    public Future<Channel> connect(
            EventLoop loop, Cluster cluster, Host host, ConnectionOptions options, String protocol) {
        ClusterSpec spec = cluster.spec();
        Promise<Channel> promise = loop.newPromise();
        long started = System.nanoTime();
        cluster.stats().cxTotal.inc();
        host.stats().cxTotal().inc();
        if (spec.tls() != null && spec.tls().context(protocol) == null) {
            cluster.scope()
                    .child("client_ssl_socket_factory")
                    .counter("upstream_context_secrets_not_ready")
                    .inc();
            failed(cluster, host, promise, new TlsFailure.SecretMissing());
            return promise;
        }
        Future<Channel> opened;
        if (host.otherAddresses().isEmpty()) {
            opened =
                    open(loop, cluster, host, host.address(), options, protocol).connected();
        } else {
            var addresses = new ArrayList<SocketAddress>(List.of(host.address()));
            addresses.addAll(host.otherAddresses());
            opened = HappyEyeballs.connect(
                    loop,
                    addresses,
                    spec.connectTimeout(),
                    address -> open(loop, cluster, host, address, options, protocol));
        }
        opened.addListener(done -> {
            if (done.isSuccess()) {
                connected(cluster, host, promise, opened.getNow(), started);
            } else {
                failed(cluster, host, promise, done.cause());
            }
        });
        return promise;
    }

    // Done when it is connected and its TLS handshake, if any, as well; otherwise it is closed.
    private HappyEyeballs.Attempt open(
            EventLoop loop,
            Cluster cluster,
            Host host,
            SocketAddress address,
            ConnectionOptions options,
            String protocol) {
        ClusterSpec spec = cluster.spec();
        int limit = spec.bufferLimit();
        Promise<Channel> promise = loop.newPromise();
        UnixDomainSocketAddress unix = address instanceof UnixDomainSocketAddress path ? path : null;
        var bootstrap = new Bootstrap()
                .group(loop)
                .channel(unix == null ? loops.socketChannel() : loops.domainSocketChannel())
                .option(ChannelOption.AUTO_READ, false)
                .option(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .option(ChannelOption.RECVBUF_ALLOCATOR, Loops.receiveBuffers(limit))
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int)
                        spec.connectTimeout().toMillis())
                .option(ChannelOption.WRITE_BUFFER_WATER_MARK, new WriteBufferWaterMark(limit / 2, limit))
                .handler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        if (spec.tls() != null) {
                            startTls(channel, spec, host, options.serverName(), protocol);
                        }
                    }
                });
        if (unix == null) {
            bootstrap.option(ChannelOption.TCP_NODELAY, true);
            if (spec.tcpKeepAlive() != null) {
                keepAlive(spec.tcpKeepAlive(), bootstrap);
            }
        }
        InetSocketAddress source = spec.sources().of(address);
        ClientSource client = options.source();
        if (client != null && passesFor(client.address(), address)) {
            source = new InetSocketAddress(client.address(), 0);
            bootstrap.option(EpollChannelOption.IP_TRANSPARENT, true);
            if (client.mark() != 0) {
                bootstrap.option(MARK, client.mark());
            }
        }
        if (source != null && loops.epoll()) {
            // Its port is chosen when it connects, so that as many connections are possible as there are hosts.
            bootstrap.option(EpollChannelOption.IP_BIND_ADDRESS_NO_PORT, source.getPort() == 0);
            if (spec.sources().freebind()) {
                bootstrap.option(EpollChannelOption.IP_FREEBIND, true);
            }
        }
        var connecting = bootstrap.connect(
                unix == null ? address : new DomainSocketAddress(unix.getPath().toString()), source);
        Channel channel = connecting.channel();
        connecting.addListener(done -> {
            if (!done.isSuccess()) {
                promise.tryFailure(done.cause());
                return;
            }
            SslHandler tls = channel.pipeline().get(SslHandler.class);
            if (tls == null) {
                promise.trySuccess(channel);
            } else {
                channel.read();
                tls.handshakeFuture().addListener(handshake -> {
                    if (handshake.isSuccess()) {
                        String alpn = tls.applicationProtocol();
                        cluster.scope().child("ssl").counter("handshake").inc();
                        channel.attr(ALPN).set(alpn == null ? "" : alpn);
                        channel.pipeline().remove(HandshakeReads.class);
                        promise.trySuccess(channel);
                    } else {
                        channel.close();
                        promise.tryFailure(handshake.cause());
                    }
                });
            }
        });
        return new HappyEyeballs.Attempt(channel, promise);
    }

    /// Whether a connection to `target` can come from `client`'s address: it is of the same family, and the target's
    /// answers go through the network, where they are led back to this proxy. Those of a loopback address do not.
    static boolean passesFor(InetAddress client, SocketAddress target) {
        return target instanceof InetSocketAddress to
                && to.getAddress() != null
                && !to.getAddress().isLoopbackAddress()
                && client instanceof Inet4Address == to.getAddress() instanceof Inet4Address;
    }

    // What is not said is left to the machine, as in Envoy.
    private void keepAlive(ClusterSpec.TcpKeepAlive settings, Bootstrap bootstrap) {
        bootstrap.option(ChannelOption.SO_KEEPALIVE, true);
        boolean epoll = loops.epoll();
        if (settings.probes() > 0) {
            bootstrap.option(
                    epoll ? EpollChannelOption.TCP_KEEPCNT : NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPCOUNT),
                    settings.probes());
        }
        if (settings.idleSeconds() > 0) {
            bootstrap.option(
                    epoll ? EpollChannelOption.TCP_KEEPIDLE : NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPIDLE),
                    settings.idleSeconds());
        }
        if (settings.intervalSeconds() > 0) {
            bootstrap.option(
                    epoll
                            ? EpollChannelOption.TCP_KEEPINTVL
                            : NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPINTERVAL),
                    settings.intervalSeconds());
        }
    }

    private static void startTls(Channel channel, ClusterSpec spec, Host host, String sni, String protocol) {
        var tls = spec.tls();
        if (tls == null) {
            return;
        }
        SslHandler handler = tls.newHandler(
                channel.alloc(),
                sni.isEmpty() ? tls.sni(host.hostname()) : sni,
                Addresses.port(host.address()),
                protocol);
        if (handler == null) {
            channel.close(); // gone since it was asked for
            return;
        }
        handler.setHandshakeTimeout(spec.connectTimeout().toMillis(), TimeUnit.MILLISECONDS);
        channel.pipeline().addLast(handler, new HandshakeReads());
    }

    /// Keeps the handshake going, since nothing is read by itself.
    private static final class HandshakeReads extends ChannelInboundHandlerAdapter {
        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            if (!ctx.isRemoved()) {
                ctx.read();
            }
        }

        // Said by the handshake's future already.
        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    private static void connected(Cluster cluster, Host host, Promise<Channel> promise, Channel channel, long started) {
        cluster.stats().cxActive.inc();
        host.stats().cxActive().inc();
        cluster.stats().cxConnectMs.record((System.nanoTime() - started) / 1_000_000);
        long connectedAt = System.nanoTime();
        channel.closeFuture().addListener(closed -> {
            cluster.stats().cxActive.dec();
            host.stats().cxActive().dec();
            cluster.stats().cxDestroy.inc();
            cluster.stats().cxLengthMs.record((System.nanoTime() - connectedAt) / 1_000_000);
        });
        if (!promise.trySuccess(channel)) {
            channel.close();
        }
    }

    /// Why a connection failed, as `%UPSTREAM_TRANSPORT_FAILURE_REASON%` says it; empty for a timeout.
    public static String reason(@Nullable Throwable failure) {
        if (failure == null || failure instanceof ConnectTimeoutException) {
            return "";
        }
        TlsFailure tls = TlsFailure.of(failure);
        if (tls != null) {
            return tls.reason();
        }
        String said = failure.getMessage() == null ? failure.toString() : failure.getMessage();
        for (String known : CONNECT_ERRORS) {
            if (said.contains(known)) {
                return ("delayed_connect_error: " + known).replace(' ', '_');
            }
        }
        return said.replace(' ', '_');
    }

    private static void failed(Cluster cluster, Host host, Promise<Channel> promise, Throwable cause) {
        cluster.stats().cxConnectFail.inc();
        host.stats().cxConnectFail().inc();
        if (cause instanceof ConnectTimeoutException) {
            cluster.stats().cxConnectTimeout.inc();
        }
        TlsFailure tls = TlsFailure.of(cause);
        if (tls != null) {
            Scope ssl = cluster.scope().child("ssl");
            // What is wrong with a certificate counts by itself, as in Envoy.
            ssl.counter(tls.kind().counter()).inc();
        }
        promise.tryFailure(cause);
    }
}
