package dev.mesh.proxy.upstream;

import dev.mesh.api.decide.RouteAction.Priority;
import dev.mesh.proxy.cluster.CircuitBreaker;
import dev.mesh.proxy.cluster.Cluster;
import dev.mesh.proxy.cluster.ClusterSpec;
import dev.mesh.proxy.cluster.Host;
import dev.mesh.proxy.codec.Http1ClientCodec;
import dev.mesh.proxy.codec.Http2ClientCodec;
import dev.mesh.proxy.codec.Http2Limits;
import dev.mesh.proxy.http.ClientConnection;
import dev.mesh.proxy.http.ClientStream;
import io.netty.channel.Channel;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.SocketAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Connections of one event loop to one host. HTTP/1: a connection serves one request at a time, the one used
/// last is used first. HTTP/2: one connection until its streams are exhausted. Event loop only.
public final class HttpPool implements ClientConnection.Observer {
    private static final int MAX_CONCURRENT_DEFAULT = 1024;

    private final EventLoop loop;
    private final Connector connector;
    private final Cluster cluster;
    private final Host host;
    private final boolean http2;
    private final CircuitBreaker breaker;
    private final ConnectionOptions options;
    private final Consumer<HttpPool> onEmpty;
    private final List<Pooled> connections = new ArrayList<>();
    private final ArrayDeque<Waiting> waiting = new ArrayDeque<>();
    private int connecting;
    private boolean draining;

    /// @param onEmpty called when it has no connection, or no more, and nobody waits for one
    HttpPool(
            EventLoop loop,
            Connector connector,
            Cluster cluster,
            Host host,
            boolean http2,
            Priority priority,
            ConnectionOptions options,
            Consumer<HttpPool> onEmpty) {
        this.loop = loop;
        this.connector = connector;
        this.cluster = cluster;
        this.host = host;
        this.http2 = http2;
        this.breaker = cluster.circuitBreaker(priority);
        this.options = options;
        this.onEmpty = onEmpty;
    }

    /// Asks for a stream.
    ///
    /// @return cancels the wait; does nothing once the callback was called
    public Runnable acquire(PoolCallback callback) {
        for (int i = connections.size() - 1; i >= 0; i--) {
            Pooled pooled = connections.get(i);
            if (pooled.connection.available() > 0) {
                ClientStream stream = pooled.connection.newStream(callback.listener());
                if (stream != null) {
                    pooled.idleSince = 0;
                    if (i != connections.size() - 1 && !http2) {
                        connections.remove(i);
                        connections.add(pooled);
                    }
                    callback.onStream(stream, pooled.connection, pooled.localAddress);
                    return () -> {};
                }
            }
        }
        if (!breaker.tryPending()) {
            cluster.stats().rqPendingOverflow.inc();
            callback.onFailure(PoolFailure.OVERFLOW, "");
            noticeEmpty();
            return () -> {};
        }
        var waiter = new Waiting(callback);
        waiting.add(waiter);
        cluster.stats().rqPendingTotal.inc();
        cluster.stats().rqPendingActive.inc();
        host.stats().rqPendingActive().inc();
        connectIfNeeded();
        return waiter::cancel;
    }

    private void connectIfNeeded() {
        int coming = connecting * (http2 ? Math.max(1, streamsPerConnection()) : 1);
        if (waiting.isEmpty() || coming >= waiting.size()) {
            return;
        }
        if (!breaker.tryConnection()) {
            cluster.stats().cxOverflow.inc();
            // A pool without any connection always may open one: else nothing would ever be served.
            if (!connections.isEmpty() || connecting > 0) {
                return;
            }
            connect(false);
            return;
        }
        connect(true);
    }

    private int streamsPerConnection() {
        return cluster.spec().maxConcurrentStreams() > 0
                ? cluster.spec().maxConcurrentStreams()
                : MAX_CONCURRENT_DEFAULT;
    }

    private void connect(boolean counted) {
        connecting++;
        Future<Channel> connected = connector.connect(loop, cluster, host, options, http2 ? "h2" : "http/1.1");
        connected.addListener(done -> {
            connecting--;
            if (done.isSuccess()) {
                onConnected(connected.getNow(), counted);
            } else {
                if (counted) {
                    breaker.connectionClosed();
                }
                Throwable cause = done.cause();
                onConnectFailed(cause);
            }
        });
    }

    private void onConnectFailed(@Nullable Throwable cause) {
        boolean timeout = cause instanceof ConnectTimeoutException;
        String detail = TcpConnector.reason(cause);
        // Everybody who could have had this connection is told; who came for another one in the meantime waits on.
        var failed = new ArrayList<Waiting>();
        while (!waiting.isEmpty() && waiting.size() > connecting) {
            failed.add(waiting.poll());
        }
        for (Waiting waiter : failed) {
            if (waiter.end()) {
                cluster.stats().rqPendingFailureEject.inc();
                waiter.callback.onFailure(timeout ? PoolFailure.CONNECT_TIMEOUT : PoolFailure.CONNECT_FAILURE, detail);
            }
        }
        connectIfNeeded();
        noticeEmpty();
    }

    private void noticeEmpty() {
        if (connections.isEmpty() && connecting == 0 && waiting.isEmpty()) {
            onEmpty.accept(this);
        }
    }

    private void onConnected(Channel channel, boolean counted) {
        ClientConnection connection;
        var spec = cluster.spec();
        if (http2) {
            var codec = Http2ClientCodec.create(limits(spec), spec.maxRequestsPerConnection());
            channel.pipeline().addLast(codec);
            connection = codec;
            cluster.stats().cxHttp2Total.inc();
        } else {
            var codec = new Http1ClientCodec(spec.http1(), spec.maxRequestsPerConnection());
            channel.pipeline().addLast(codec);
            connection = codec;
            cluster.stats().cxHttp1Total.inc();
        }
        if (counted) {
            channel.closeFuture().addListener(closed -> breaker.connectionClosed());
        }
        connection.observer(this);
        connections.add(new Pooled(connection, channel.localAddress()));
        if (draining) {
            connection.drain();
        }
        serveWaiting();
        connectIfNeeded();
        startIdleTimer(connection);
    }

    private static Http2Limits limits(ClusterSpec spec) {
        var usual = Http2Limits.DEFAULT;
        return new Http2Limits(
                spec.maxConcurrentStreams() > 0 ? spec.maxConcurrentStreams() : usual.maxConcurrentStreams(),
                spec.initialStreamWindow() > 0 ? spec.initialStreamWindow() : usual.streamWindow(),
                spec.initialConnectionWindow() > 0 ? spec.initialConnectionWindow() : usual.connectionWindow(),
                spec.http1().maxHeadBytes(),
                spec.http1().maxHeaders(),
                usual.headerTableBytes(),
                false,
                true,
                usual.floods(),
                spec.http2KeepAlive());
    }

    private void serveWaiting() {
        while (!waiting.isEmpty()) {
            Pooled free = null;
            for (int i = connections.size() - 1; i >= 0 && free == null; i--) {
                if (connections.get(i).connection.available() > 0) {
                    free = connections.get(i);
                }
            }
            if (free == null) {
                return;
            }
            Waiting next = waiting.poll();
            if (!next.end()) {
                continue;
            }
            ClientStream stream = free.connection.newStream(next.callback.listener());
            if (stream == null) {
                next.callback.onFailure(PoolFailure.CONNECT_FAILURE, "connection went away");
                continue;
            }
            free.idleSince = 0;
            next.callback.onStream(stream, free.connection, free.localAddress);
        }
    }

    @Override
    public void onStreamEnded(ClientConnection connection) {
        Pooled pooled = find(connection);
        if (pooled != null && connection.activeStreams() == 0) {
            pooled.idleSince = System.nanoTime();
        }
        serveWaiting();
    }

    @Override
    public void onDraining(ClientConnection connection) {
        serveElsewhere();
    }

    @Override
    public void onClosed(ClientConnection connection) {
        connections.removeIf(pooled -> pooled.connection == connection);
        serveElsewhere();
        noticeEmpty();
    }

    private void serveElsewhere() {
        if (!waiting.isEmpty()) {
            serveWaiting();
            connectIfNeeded();
        }
    }

    private @Nullable Pooled find(ClientConnection connection) {
        for (Pooled pooled : connections) {
            if (pooled.connection == connection) {
                return pooled;
            }
        }
        return null;
    }

    private void startIdleTimer(ClientConnection connection) {
        long timeout = cluster.spec().http1IdleTimeout().toNanos();
        if (timeout > 0) {
            loop.schedule(() -> checkIdle(connection, timeout), timeout, TimeUnit.NANOSECONDS);
        }
    }

    private void checkIdle(ClientConnection connection, long timeout) {
        Pooled pooled = find(connection);
        if (pooled == null) {
            return;
        }
        long idle = pooled.idleSince == 0 || connection.activeStreams() > 0 ? 0 : System.nanoTime() - pooled.idleSince;
        if (idle >= timeout) {
            cluster.stats().cxIdleTimeout.inc();
            connection.close();
        } else {
            loop.schedule(() -> checkIdle(connection, timeout), timeout - idle, TimeUnit.NANOSECONDS);
        }
    }

    /// Takes no new requests on the connections that are there, and closes them when theirs are done.
    void drain() {
        draining = true;
        new ArrayList<>(connections).forEach(pooled -> pooled.connection.drain());
    }

    void close() {
        draining = true;
        new ArrayList<>(connections).forEach(pooled -> pooled.connection.close());
    }

    private static final class Pooled {
        private final ClientConnection connection;
        private final @Nullable SocketAddress localAddress;
        private long idleSince = System.nanoTime();

        private Pooled(ClientConnection connection, @Nullable SocketAddress localAddress) {
            this.connection = connection;
            this.localAddress = localAddress;
        }
    }

    private final class Waiting {
        private final PoolCallback callback;
        private boolean over;

        private Waiting(PoolCallback callback) {
            this.callback = callback;
        }

        private void cancel() {
            if (end()) {
                waiting.remove(this);
            }
        }

        private boolean end() {
            if (over) {
                return false;
            }
            over = true;
            breaker.pendingDone();
            cluster.stats().rqPendingActive.dec();
            host.stats().rqPendingActive().dec();
            return true;
        }
    }
}
