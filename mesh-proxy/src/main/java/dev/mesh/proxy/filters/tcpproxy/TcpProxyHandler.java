package dev.mesh.proxy.filters.tcpproxy;

import dev.mesh.api.decide.RouteAction.Priority;
import dev.mesh.proxy.cluster.Cluster;
import dev.mesh.proxy.cluster.ClusterManager;
import dev.mesh.proxy.cluster.Host;
import dev.mesh.proxy.cluster.LoadBalancerContext;
import dev.mesh.proxy.filter.AccessLogger;
import dev.mesh.proxy.filter.DownstreamConnection;
import dev.mesh.proxy.stats.Scope;
import dev.mesh.proxy.stream.ResponseFlag;
import dev.mesh.proxy.stream.StreamInfo;
import dev.mesh.proxy.upstream.ConnectionOptions;
import dev.mesh.proxy.upstream.Connector;
import dev.mesh.proxy.upstream.TcpConnector;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// One proxied connection. Reads from a side only while the other takes what was read; an end of one direction
/// is passed on and the other goes on. Event loop only.
final class TcpProxyHandler extends ChannelInboundHandlerAdapter implements LoadBalancerContext {
    record Target(String cluster, int weight) {}

    record Shared(
            ClusterManager clusters,
            Connector connector,
            List<Target> targets,
            Duration idleTimeout,
            int maxConnectAttempts,
            List<AccessLogger> accessLogs,
            Scope stats) {}

    private final Shared shared;
    private final StreamInfo info;
    private final ConnectionOptions options;

    @SuppressWarnings("NullAway.Init") // set in handlerAdded
    private ChannelHandlerContext downstream;

    private final ArrayDeque<ByteBuf> early = new ArrayDeque<>(0);
    private @Nullable Channel upstream;
    private @Nullable Host host;
    private int attempts;
    private boolean downstreamEnded;
    private boolean upstreamEnded;
    private boolean over;
    private long lastActivity = System.nanoTime();
    private @Nullable ScheduledFuture<?> idleTimer;

    TcpProxyHandler(Shared shared, DownstreamConnection connection) {
        this.shared = shared;
        info = new StreamInfo(connection.view(), System.currentTimeMillis(), System.nanoTime());
        info.listenerName = connection.listenerName();
        info.filterChainName = connection.filterChainName();
        info.connectionId = connection.id();
        options = ConnectionOptions.of("", connection.clientSource());
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        downstream = ctx;
        shared.stats().counter("downstream_cx_total").inc();
        connect();
    }

    private void connect() {
        String name = target();
        info.upstreamCluster = name;
        Cluster found = shared.clusters().cluster(name);
        if (found == null) {
            shared.stats().counter("downstream_cx_no_route").inc();
            fail(ResponseFlag.NO_CLUSTER_FOUND, "cluster_not_found");
            return;
        }
        Host chosen = found.choose(this);
        if (chosen == null) {
            found.stats().cxNoneHealthy.inc();
            fail(ResponseFlag.NO_HEALTHY_UPSTREAM, "no_healthy_upstream");
            return;
        }
        if (!found.circuitBreaker(Priority.DEFAULT).tryConnection()) {
            found.stats().cxOverflow.inc();
            fail(ResponseFlag.UPSTREAM_OVERFLOW, "overflow");
            return;
        }
        attempts++;
        info.upstreamAttempts = attempts;
        info.upstreamHost = chosen.address();
        host = chosen;
        Future<Channel> connecting =
                shared.connector().connect(downstream.channel().eventLoop(), found, chosen, options, "");
        connecting.addListener(done -> {
            if (done.isSuccess()) {
                connected(connecting.getNow(), found, chosen);
            } else {
                found.circuitBreaker(Priority.DEFAULT).connectionClosed();
                chosen.report(new Host.Outcome.ConnectFailure());
                Throwable cause = done.cause();
                info.upstreamTransportFailureReason = TcpConnector.reason(cause);
                if (!over && attempts < shared.maxConnectAttempts()) {
                    connect();
                } else {
                    fail(ResponseFlag.UPSTREAM_CONNECTION_FAILURE, "upstream_connect_failed");
                }
            }
        });
    }

    private String target() {
        List<Target> targets = shared.targets();
        if (targets.size() == 1) {
            return targets.getFirst().cluster();
        }
        long total = targets.stream().mapToLong(Target::weight).sum();
        long drawn = ThreadLocalRandom.current().nextLong(Math.max(1, total));
        for (Target target : targets) {
            drawn -= target.weight();
            if (drawn < 0) {
                return target.cluster();
            }
        }
        return targets.getLast().cluster();
    }

    private void connected(Channel channel, Cluster to, Host at) {
        channel.closeFuture()
                .addListener(closed -> to.circuitBreaker(Priority.DEFAULT).connectionClosed());
        if (over) {
            channel.close();
            return;
        }
        upstream = channel;
        at.report(new Host.Outcome.ConnectSuccessFinal());
        at.activeRequests().incrementAndGet();
        channel.closeFuture().addListener(closed -> at.activeRequests().decrementAndGet());
        info.upstreamConnectedNanos = System.nanoTime();
        info.upstreamLocalAddress = channel.localAddress();
        channel.pipeline().addLast(new UpstreamSide());
        startIdleTimer();
        ByteBuf data;
        while ((data = early.poll()) != null) {
            channel.write(data);
        }
        channel.flush();
        if (downstreamEnded) {
            end(channel, downstream.channel(), upstreamEnded);
        }
        channel.read();
        readDownstream();
    }

    // A side that has ended must not be read any more: epoll takes that for an error of the connection.
    private void readDownstream() {
        if (!downstreamEnded) {
            downstream.read();
        }
    }

    // ---- from downstream ----

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf data = (ByteBuf) message;
        lastActivity = System.nanoTime();
        info.bytesReceived += data.readableBytes();
        Channel to = upstream;
        if (to != null) {
            to.write(data);
        } else if (over) {
            data.release();
        } else {
            // Nothing was asked for yet, but a client that ends its side is read to that end at once.
            early.add(data);
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        Channel to = upstream;
        if (to != null) {
            to.flush();
            if (to.isWritable()) {
                readDownstream();
            }
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        Channel from = upstream;
        if (ctx.channel().isWritable() && from != null && !upstreamEnded) {
            from.read();
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof ChannelInputShutdownEvent && !downstreamEnded) {
            downstreamEnded = true;
            if (upstream != null) {
                end(upstream, ctx.channel(), upstreamEnded);
            }
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        finish();
        Channel to = upstream;
        if (to != null) {
            to.writeAndFlush(io.netty.buffer.Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close();
    }

    // One direction ended: say so to the other side, and close both when both have.
    private void end(@Nullable Channel to, Channel from, boolean otherEnded) {
        if (to == null) {
            from.close();
            return;
        }
        if (otherEnded) {
            to.writeAndFlush(io.netty.buffer.Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
            from.writeAndFlush(io.netty.buffer.Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
        } else {
            to.writeAndFlush(io.netty.buffer.Unpooled.EMPTY_BUFFER).addListener(done -> {
                if (to instanceof DuplexChannel duplex) {
                    duplex.shutdownOutput();
                } else {
                    to.close();
                }
            });
        }
    }

    /// The other side.
    private final class UpstreamSide extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            ByteBuf data = (ByteBuf) message;
            lastActivity = System.nanoTime();
            info.bytesSent += data.readableBytes();
            downstream.write(data);
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            downstream.flush();
            if (downstream.channel().isWritable() && !upstreamEnded) {
                ctx.read();
            }
        }

        @Override
        public void channelWritabilityChanged(ChannelHandlerContext ctx) {
            if (ctx.channel().isWritable()) {
                readDownstream();
            }
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event instanceof ChannelInputShutdownEvent && !upstreamEnded) {
                upstreamEnded = true;
                end(downstream.channel(), ctx.channel(), downstreamEnded);
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            downstream.writeAndFlush(io.netty.buffer.Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    private void startIdleTimer() {
        if (shared.idleTimeout().isPositive()) {
            long nanos = shared.idleTimeout().toNanos();
            idleTimer = downstream.channel().eventLoop().schedule(() -> checkIdle(nanos), nanos, TimeUnit.NANOSECONDS);
        }
    }

    private void checkIdle(long nanos) {
        long left = nanos - (System.nanoTime() - lastActivity);
        if (over) {
            return;
        }
        if (left <= 0) {
            shared.stats().counter("idle_timeout").inc();
            downstream.close();
        } else {
            idleTimer = downstream.channel().eventLoop().schedule(() -> checkIdle(nanos), left, TimeUnit.NANOSECONDS);
        }
    }

    private void fail(ResponseFlag flag, String detail) {
        if (!over) {
            info.flag(flag);
            info.responseCodeDetails = detail;
            finish();
        }
        downstream.close();
    }

    private void finish() {
        if (over) {
            return;
        }
        over = true;
        early.forEach(ByteBuf::release);
        early.clear();
        if (idleTimer != null) {
            idleTimer.cancel(false);
        }
        info.endNanos = System.nanoTime();
        for (AccessLogger log : shared.accessLogs()) {
            log.log(info);
        }
    }

    // ---- LoadBalancerContext ----

    @Override
    public RandomGenerator random() {
        return ThreadLocalRandom.current();
    }

    @Override
    public int attempt() {
        return attempts;
    }

    @Override
    public boolean shouldReselect(Host candidate) {
        return attempts > 0 && candidate.equals(host);
    }

    @Override
    public @Nullable InetSocketAddress originalDestination() {
        var connection = info.connection;
        return connection.destinationRestored()
                ? new InetSocketAddress(connection.destinationAddress(), connection.destinationPort())
                : null;
    }

    @Override
    public int maxReselects() {
        return 3;
    }
}
