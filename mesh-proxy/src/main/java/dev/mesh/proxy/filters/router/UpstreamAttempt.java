package dev.mesh.proxy.filters.router;

import dev.mesh.api.decide.RouteAction.Priority;
import dev.mesh.proxy.cluster.Cluster;
import dev.mesh.proxy.cluster.Host;
import dev.mesh.proxy.filter.HttpFilterContext;
import dev.mesh.proxy.http.ClientConnection;
import dev.mesh.proxy.http.ClientStream;
import dev.mesh.proxy.http.ClientStreamListener;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResetReason;
import dev.mesh.proxy.http.ResponseHead;
import dev.mesh.proxy.stream.ResponseFlag;
import dev.mesh.proxy.stream.StreamInfo;
import dev.mesh.proxy.upstream.HttpPool;
import dev.mesh.proxy.upstream.PoolCallback;
import dev.mesh.proxy.upstream.PoolFailure;
import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.SocketAddress;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// One try of one request at one host. Counts it, bounds it by the per-try timeout, and tells the router what
/// became of it. Event loop only.
final class UpstreamAttempt implements PoolCallback, ClientStreamListener {
    /// How a try ended without a whole response.
    ///
    /// @param reason as in Envoy's response code details
    record Failed(RetryState.Failure kind, ResponseFlag flag, String reason) {}

    private final RouterFilter router;
    private final HttpFilterContext context;
    private final Cluster cluster;
    private final Host host;
    private final Priority priority;
    private final long perTryMillis;
    private final long started = System.nanoTime();
    private Runnable cancelWait = () -> {};
    private @Nullable ClientStream stream;
    private @Nullable ScheduledFuture<?> perTry;
    private boolean dropped;
    private boolean over;
    private boolean responseStarted;
    private boolean paused;
    private boolean holdsRequest;

    UpstreamAttempt(
            RouterFilter router,
            HttpFilterContext context,
            Cluster cluster,
            Host host,
            Priority priority,
            long perTryMillis) {
        this.router = router;
        this.context = context;
        this.cluster = cluster;
        this.host = host;
        this.priority = priority;
        this.perTryMillis = perTryMillis;
    }

    void start(HttpPool pool) {
        cluster.stats().rqTotal.inc();
        cluster.stats().rqActive.inc();
        host.stats().rqTotal().inc();
        host.stats().rqActive().inc();
        host.activeRequests().incrementAndGet();
        StreamInfo info = context.stream();
        info.upstreamHost = host.address();
        info.upstreamHostname = host.hostname();
        if (perTryMillis > 0) {
            perTry = context.eventLoop().schedule(this::onPerTryTimeout, perTryMillis, TimeUnit.MILLISECONDS);
        }
        cancelWait = pool.acquire(this);
    }

    boolean ready() {
        return stream != null;
    }

    @Override
    public ClientStreamListener listener() {
        return this;
    }

    @Override
    public void onStream(ClientStream ready, ClientConnection connection, @Nullable SocketAddress localAddress) {
        if (over) {
            ready.reset(ResetReason.LOCAL_RESET);
            return;
        }
        stream = ready;
        host.report(new Host.Outcome.ConnectSuccess());
        StreamInfo info = context.stream();
        info.upstreamConnectedNanos = System.nanoTime();
        info.upstreamProtocol = connection.protocol();
        info.upstreamLocalAddress = localAddress;
        router.onReady(this);
    }

    @Override
    public void onFailure(PoolFailure failure, String detail) {
        if (finish()) {
            if (failure == PoolFailure.CONNECT_FAILURE || failure == PoolFailure.CONNECT_TIMEOUT) {
                host.stats().rqError().inc();
                host.report(new Host.Outcome.ConnectFailure());
            }
            router.onPoolFailure(failure, detail);
        }
    }

    void head(RequestHead head, boolean end) {
        ClientStream to = stream;
        if (to != null) {
            // The stream writes at once, and a later try needs the head as it is now: it is not consumed.
            to.request(head, end);
        }
    }

    void data(ByteBuf data, boolean end) {
        ClientStream to = stream;
        if (to == null || over) {
            data.release();
            return;
        }
        to.data(data, end);
        if (end) {
            context.stream().upstreamRequestEndNanos = System.nanoTime();
        }
    }

    void trailers(HeaderMap trailers) {
        ClientStream to = stream;
        if (to != null && !over) {
            to.trailers(trailers);
        }
    }

    void flush() {
        ClientStream to = stream;
        if (to != null) {
            to.flush();
        }
    }

    void pauseResponse(boolean pause) {
        ClientStream from = stream;
        if (from != null && paused != pause && !over) {
            paused = pause;
            from.pauseReading(pause);
        }
    }

    @Override
    public void onInformational(ResponseHead head) {
        if (!over) {
            router.onInformational(head);
        }
    }

    @Override
    public void onResponse(ResponseHead head, boolean end) {
        if (over) {
            return;
        }
        responseStarted = true;
        if (perTry != null) {
            perTry.cancel(false);
            perTry = null;
        }
        StreamInfo info = context.stream();
        info.upstreamResponseStartNanos = System.nanoTime();
        int status = head.status();
        cluster.stats().response(status);
        host.report(outcome(head));
        if (status >= 500) {
            host.stats().rqError().inc();
        } else {
            host.stats().rqSuccess().inc();
        }
        long millis = (info.upstreamResponseStartNanos - started) / 1_000_000;
        if (!router.onResponse(head, end, millis)) {
            dropped = true;
            finish();
            if (!end) {
                ClientStream from = stream;
                if (from != null) {
                    from.reset(ResetReason.LOCAL_RESET);
                }
            }
            return;
        }
        if (end) {
            finish();
        }
    }

    /// What a response says of its host: of a gRPC call that ends with its headers, its status.
    static Host.Outcome outcome(ResponseHead head) {
        String grpc = head.headers().get("grpc-status");
        return new Host.Outcome.Status(
                switch (grpc == null ? "" : grpc) {
                    case "2", "13", "15" -> 500; // UNKNOWN, INTERNAL, DATA_LOSS
                    case "12" -> 501; // UNIMPLEMENTED
                    case "14" -> 503; // UNAVAILABLE
                    case "4" -> 504; // DEADLINE_EXCEEDED
                    default -> head.status();
                });
    }

    @Override
    public void onData(ByteBuf data, boolean end) {
        if (over || dropped) {
            data.release();
            return;
        }
        if (end) {
            finish();
        }
        router.onResponseData(data, end);
    }

    @Override
    public void onTrailers(HeaderMap trailers) {
        if (over || dropped) {
            return;
        }
        finish();
        router.onResponseTrailers(trailers);
    }

    @Override
    public void onReadComplete() {
        router.onResponseReadComplete();
    }

    @Override
    public void onWritable(boolean writable) {
        if (!over) {
            holdRequest(!writable);
        }
    }

    @Override
    public void onReset(ResetReason reason, String detail) {
        if (!finish()) {
            return;
        }
        cluster.stats().rqRxReset.inc();
        host.stats().rqError().inc();
        host.report(new Host.Outcome.Reset());
        router.onUpstreamReset(failed(reason));
        router.onResponseReadComplete();
    }

    private static Failed failed(ResetReason reason) {
        return switch (reason) {
            case REMOTE_REFUSED ->
                new Failed(
                        RetryState.Failure.REFUSED, ResponseFlag.UPSTREAM_REMOTE_RESET, "remote_refused_stream_reset");
            case REMOTE_RESET ->
                new Failed(RetryState.Failure.RESET, ResponseFlag.UPSTREAM_REMOTE_RESET, "remote_reset");
            case PROTOCOL_ERROR ->
                new Failed(RetryState.Failure.RESET, ResponseFlag.UPSTREAM_PROTOCOL_ERROR, "protocol_error");
            case LOCAL_RESET, EXCESSIVE_LOAD ->
                new Failed(RetryState.Failure.RESET, ResponseFlag.LOCAL_RESET, "local_reset");
            case CONNECTION_FAILURE, CONNECTION_TIMEOUT ->
                new Failed(
                        RetryState.Failure.CONNECT,
                        ResponseFlag.UPSTREAM_CONNECTION_FAILURE,
                        "remote_connection_failure");
            case CONNECTION_TERMINATION, OVERFLOW ->
                new Failed(
                        RetryState.Failure.RESET,
                        ResponseFlag.UPSTREAM_CONNECTION_TERMINATION,
                        "connection_termination");
        };
    }

    private void onPerTryTimeout() {
        perTry = null;
        if (responseStarted || over) {
            return;
        }
        cluster.stats().rqPerTryTimeout.inc();
        timedOut();
        router.onUpstreamReset(
                new Failed(RetryState.Failure.TIMEOUT, ResponseFlag.UPSTREAM_REQUEST_TIMEOUT, "per_try_timeout"));
    }

    /// Gives the try up because its time is up.
    void timedOut() {
        if (!over) {
            host.stats().rqTimeout().inc();
            if (!responseStarted) {
                host.report(new Host.Outcome.Timeout());
            }
            abandon();
        }
    }

    /// Nobody wants the response any more.
    void abandon() {
        if (!finish()) {
            return;
        }
        cancelWait.run();
        ClientStream to = stream;
        if (to != null) {
            cluster.stats().rqTxReset.inc();
            to.reset(ResetReason.LOCAL_RESET);
        } else {
            cluster.stats().rqCancelled.inc();
        }
    }

    // The request is held back while this try's connection is full; a try that is over holds back nothing.
    private void holdRequest(boolean hold) {
        if (hold != holdsRequest) {
            holdsRequest = hold;
            router.onUpstreamWritable(!hold);
        }
    }

    // Counts out, once.
    private boolean finish() {
        if (over) {
            return false;
        }
        over = true;
        holdRequest(false);
        if (perTry != null) {
            perTry.cancel(false);
            perTry = null;
        }
        cluster.stats().rqActive.dec();
        host.stats().rqActive().dec();
        host.activeRequests().decrementAndGet();
        cluster.circuitBreaker(priority).requestDone();
        long now = System.nanoTime();
        context.stream().upstreamResponseEndNanos = now;
        if (responseStarted) {
            cluster.stats().rqTime.record((now - started) / 1_000_000);
        }
        return true;
    }
}
