package dev.mesh.proxy.hcm;

import dev.mesh.proxy.filter.DownstreamConnection;
import dev.mesh.proxy.http.Protocol;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResetReason;
import dev.mesh.proxy.http.ServerConnectionListener;
import dev.mesh.proxy.http.ServerStream;
import dev.mesh.proxy.http.StreamListener;
import dev.mesh.proxy.stream.ResponseFlag;
import dev.mesh.proxy.stream.StreamInfo;
import io.netty.channel.Channel;
import io.netty.util.concurrent.ScheduledFuture;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// One downstream connection: its requests, and the timer that watches them. Event loop only.
///
/// A connection has one timer for everything, set to the earliest moment at which something may be due. What
/// moves a deadline into the future (every byte does) leaves the timer alone: it fires, sees what is due, and
/// sets itself again. So a request costs no timer of its own, and yet nothing is late.
final class HttpConnection implements ServerConnectionListener {
    /// What a connection asks of its codec.
    interface Codec {
        /// Ends the connection when the requests that are under way are done.
        void drain();

        /// Answers a request whose head does not come to its end.
        default void refuseHead(int status, String body, String detail) {}
    }

    // While a client sends one request after the other on an HTTP/1 connection, the next one may be on its way
    // already when the drain starts, and would be lost. It comes within this time, or not soon.
    private static final long QUIET_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

    private static final long LONGEST_NANOS = TimeUnit.DAYS.toNanos(1);

    final ConnectionManager manager;
    final DownstreamConnection connection;
    final Channel channel;
    private final List<ActiveStream> streams = new ArrayList<>(1);
    private @Nullable Codec codec;
    private Protocol protocol = Protocol.HTTP_1_1;
    private long lastActivity = System.nanoTime();
    private final long opened = lastActivity;
    private long streamIds;
    private boolean drainAsked;
    private boolean drained;
    private boolean closed;
    // When the first bytes of a request came whose head is not complete; 0 = there is none.
    private long headBegun;
    private boolean headTimedOut;
    private @Nullable ScheduledFuture<?> timer;
    private long timerAt;

    HttpConnection(ConnectionManager manager, DownstreamConnection connection, Channel channel) {
        this.manager = manager;
        this.connection = connection;
        this.channel = channel;
        connection.onDrain(this::drain);
        check();
    }

    /// Says which codec speaks on the connection. Until then it can only be closed.
    void codec(Codec speaks, Protocol version) {
        codec = speaks;
        protocol = version;
        headBegun = 0;
        if (drainAsked) {
            drain();
        }
    }

    @Override
    public void onHeadBegun() {
        headBegun = System.nanoTime();
        checkWithin(headLeft(headBegun));
    }

    @Override
    public StreamListener onRequest(ServerStream stream, RequestHead head, boolean end) {
        lastActivity = System.nanoTime();
        headBegun = 0;
        var active = new ActiveStream(this, stream, head, ++streamIds);
        streams.add(active);
        if (drainAsked
                || (manager.settings.maxRequestsPerConnection() > 0
                        && streamIds >= manager.settings.maxRequestsPerConnection())) {
            stream.drainConnection();
        }
        active.start(end);
        checkWithin(active.timeLeft(lastActivity));
        return active;
    }

    void ended(ActiveStream stream) {
        lastActivity = System.nanoTime();
        streams.remove(stream);
        if (streams.isEmpty()) {
            checkWithin(idleLeft(lastActivity));
        }
    }

    @Override
    public @Nullable String serverHeader() {
        return manager.settings.serverHeader() == Settings.ServerHeader.PASS_THROUGH
                ? null
                : manager.settings.serverName();
    }

    @Override
    public void onProtocolError(Protocol version, int status, String detail) {
        if (!headTimedOut) {
            manager.stats.cxProtocolError.inc();
        }
        if (streams.isEmpty() || version == Protocol.HTTP_2) {
            // There is no stream to log it: say it all the same.
            var info = new StreamInfo(connection.view(), System.currentTimeMillis(), System.nanoTime());
            info.protocol = version;
            info.responseCode = status;
            info.responseCodeDetails = detail;
            if (!headTimedOut) {
                info.flag(ResponseFlag.DOWNSTREAM_PROTOCOL_ERROR);
            } else if (detail.equals("stream_idle_timeout")) {
                info.flag(ResponseFlag.STREAM_IDLE_TIMEOUT);
            }
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
    public void onDelayedCloseTimeout() {
        manager.stats.cxDelayedCloseTimeout.inc();
    }

    @Override
    public void onKeepAliveTimeout() {
        manager.stats.keepAliveTimeout.inc();
    }

    @Override
    public void onClosed() {
        closed = true;
        if (timer != null) {
            timer.cancel(false);
            timer = null;
        }
        for (var stream : new ArrayList<>(streams)) {
            stream.onReset(ResetReason.CONNECTION_TERMINATION, "downstream_remote_disconnect");
        }
    }

    /// Makes sure that [#check] runs in `nanos` at the latest.
    ///
    /// @param nanos `Long.MAX_VALUE` = nothing is due
    void checkWithin(long nanos) {
        if (nanos == Long.MAX_VALUE || closed) {
            return;
        }
        long at = System.nanoTime() + Math.min(nanos, LONGEST_NANOS);
        if (timer != null) {
            if (at - timerAt >= 0) {
                return;
            }
            timer.cancel(false);
        }
        timerAt = at;
        timer = channel.eventLoop().schedule(this::onTimer, Math.clamp(nanos, 0, LONGEST_NANOS), TimeUnit.NANOSECONDS);
    }

    private void onTimer() {
        timer = null;
        check();
    }

    private void check() {
        if (closed || !channel.isOpen()) {
            return;
        }
        long now = System.nanoTime();
        if (idleLeft(now) <= 0) {
            manager.stats.cxIdleTimeout.inc();
            end();
            return;
        }
        long next = idleLeft(now);
        long life = lifeLeft(now);
        if (life <= 0) {
            manager.stats.cxMaxDuration.inc();
            drain();
        } else {
            next = Math.min(next, life);
        }
        if (drainAsked && !drained) {
            drain();
        }
        if (headLeft(now) <= 0) {
            refuseHead(now);
            return;
        }
        next = Math.min(next, headLeft(now));
        for (int i = streams.size() - 1; i >= 0; i--) {
            if (i < streams.size()) {
                next = Math.min(next, streams.get(i).checkTimeouts(now));
            }
        }
        checkWithin(next);
    }

    private static long left(Duration limit, long since, long now) {
        return limit.isPositive() ? limit.toNanos() - (now - since) : Long.MAX_VALUE;
    }

    private long idleLeft(long now) {
        return streams.isEmpty() && headBegun == 0
                ? left(manager.settings.timeouts().idle(), lastActivity, now)
                : Long.MAX_VALUE;
    }

    private long lifeLeft(long now) {
        return drainAsked ? Long.MAX_VALUE : left(manager.settings.timeouts().maxConnection(), opened, now);
    }

    // To Envoy a request is a stream from its first byte on, so that every limit of a stream holds for its head.
    private long headLeft(long now) {
        if (headBegun == 0) {
            return Long.MAX_VALUE;
        }
        var limits = manager.settings.timeouts();
        return Math.min(
                Math.min(left(limits.requestHeaders(), headBegun, now), left(limits.streamIdle(), headBegun, now)),
                Math.min(left(limits.request(), headBegun, now), left(limits.maxStream(), headBegun, now)));
    }

    private void refuseHead(long now) {
        var limits = manager.settings.timeouts();
        long since = headBegun;
        headBegun = 0;
        headTimedOut = true;
        if (codec == null) {
            end();
        } else if (left(limits.requestHeaders(), since, now) <= 0) {
            manager.stats.rqHeaderTimeout.inc();
            codec.refuseHead(408, "request header timeout", "request_header_timeout");
        } else if (left(limits.streamIdle(), since, now) <= 0) {
            manager.stats.rqIdleTimeout.inc();
            codec.refuseHead(408, "stream timeout", "stream_idle_timeout");
        } else if (left(limits.request(), since, now) <= 0) {
            manager.stats.rqTimeout.inc();
            codec.refuseHead(408, "request timeout", "request_overall_timeout");
        } else {
            manager.stats.rqMaxDuration.inc();
            codec.refuseHead(408, "downstream duration timeout", "max_duration_timeout");
        }
    }

    // HTTP/2 tells the client first and loses nothing, so it begins at once. HTTP/1 can only close: after the
    // response that is under way, or when the connection has been quiet.
    private void drain() {
        drainAsked = true;
        if (drained || closed) {
            return;
        }
        boolean quiet = streams.isEmpty() && headBegun == 0;
        long left = QUIET_NANOS - (System.nanoTime() - lastActivity);
        if (protocol != Protocol.HTTP_2 && quiet && left > 0) {
            checkWithin(left);
            return;
        }
        drained = true;
        end();
    }

    private void end() {
        if (codec == null) {
            channel.close();
        } else {
            codec.drain();
        }
    }
}
