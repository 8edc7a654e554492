package dev.mesh.proxy.hcm;

import dev.mesh.proxy.filter.DownstreamConnection;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ServerConnectionListener;
import dev.mesh.proxy.http.ServerStream;
import dev.mesh.proxy.http.StreamListener;
import dev.mesh.proxy.stream.ResponseFlag;
import dev.mesh.proxy.stream.StreamInfo;
import io.netty.channel.Channel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// One downstream connection: its requests, and the timers that watch it. Event loop only.
///
/// One timer a connection looks at all of its streams, so that a request costs no timer of its own.
final class HttpConnection implements ServerConnectionListener {
    final ConnectionManager manager;
    final DownstreamConnection connection;
    final Channel channel;
    private final List<ActiveStream> streams = new ArrayList<>(1);
    private Runnable drainer = () -> {};
    private long lastActivity = System.nanoTime();
    private final long opened = System.nanoTime();
    private long streamIds;
    private boolean drained;
    private boolean timerRunning;

    HttpConnection(ConnectionManager manager, DownstreamConnection connection, Channel channel) {
        this.manager = manager;
        this.connection = connection;
        this.channel = channel;
        startTimer();
    }

    void drainer(Runnable drain) {
        drainer = drain;
    }

    @Override
    public StreamListener onRequest(ServerStream stream, RequestHead head, boolean end) {
        lastActivity = System.nanoTime();
        var active = new ActiveStream(this, stream, head, ++streamIds);
        streams.add(active);
        if (connection.draining()
                || (manager.settings.maxRequestsPerConnection() > 0
                        && streamIds >= manager.settings.maxRequestsPerConnection())) {
            stream.drainConnection();
        }
        active.start(end);
        return active;
    }

    void ended(ActiveStream stream) {
        lastActivity = System.nanoTime();
        streams.remove(stream);
    }

    @Override
    public void onProtocolError(Protocol protocol, int status, String detail) {
        manager.stats.cxProtocolError.inc();
        if (streams.isEmpty() || protocol == Protocol.HTTP_2) {
            // There is no stream to log it: say it all the same.
            var info = new StreamInfo(connection.view(), System.currentTimeMillis(), System.nanoTime());
            info.protocol = protocol;
            info.responseCode = status;
            info.responseCodeDetails = detail;
            info.flag(ResponseFlag.DOWNSTREAM_PROTOCOL_ERROR);
            info.endNanos = System.nanoTime();
            info.listenerName = connection.listenerName();
            info.filterChainName = connection.filterChainName();
            info.connectionId = connection.id();
            manager.stats.rqTotal.inc();
            manager.stats.response(status);
            for (var log : manager.settings.accessLogs()) {
                log.log(info);
            }
        }
    }

    @Override
    public void onClosed() {
        timerRunning = false;
        for (var stream : new ArrayList<>(streams)) {
            stream.onReset(dev.mesh.proxy.http.ResetReason.CONNECTION_TERMINATION, "downstream_remote_disconnect");
        }
    }

    private void startTimer() {
        timerRunning = true;
        tick();
    }

    // Looks often enough that a timeout is at most an eighth late, and never more often than needed.
    private void tick() {
        if (!timerRunning || !channel.isOpen()) {
            return;
        }
        long now = System.nanoTime();
        long next = Long.MAX_VALUE;
        Settings settings = manager.settings;
        if (settings.idleTimeout().isPositive() && streams.isEmpty()) {
            long left = settings.idleTimeout().toNanos() - (now - lastActivity);
            if (left <= 0) {
                drain();
                channel.close();
                return;
            }
            next = left;
        }
        if (settings.maxConnectionDuration().isPositive() && !drained) {
            long left = settings.maxConnectionDuration().toNanos() - (now - opened);
            if (left <= 0) {
                drain();
            } else {
                next = Math.min(next, left);
            }
        }
        if (connection.draining() && !drained) {
            drain();
        }
        for (int i = streams.size() - 1; i >= 0; i--) {
            if (i < streams.size()) {
                next = Math.min(next, streams.get(i).checkTimeouts(now));
            }
        }
        long pause = Math.clamp(next, TimeUnit.MILLISECONDS.toNanos(1), TimeUnit.SECONDS.toNanos(5));
        channel.eventLoop().schedule(this::tick, pause, TimeUnit.NANOSECONDS);
    }

    private void drain() {
        drained = true;
        drainer.run();
    }
}
