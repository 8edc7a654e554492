package dev.mesh.proxy.cluster;

import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stats.Histogram;
import dev.mesh.proxy.stats.Scope;

/// The statistics of a cluster that the request path counts on, looked up once.
public final class ClusterStats {
    public final Counter cxTotal;
    public final Gauge cxActive;
    public final Counter cxHttp1Total;
    public final Counter cxHttp2Total;
    public final Counter cxConnectFail;
    public final Counter cxConnectTimeout;
    public final Counter cxOverflow;
    public final Counter cxDestroy;
    public final Counter cxNoneHealthy;
    public final Counter cxIdleTimeout;
    public final Counter cxMaxRequests;
    public final Counter cxRxBytes;
    public final Counter cxTxBytes;
    public final Histogram cxConnectMs;
    public final Histogram cxLengthMs;
    public final Counter rqTotal;
    public final Gauge rqActive;
    public final Counter rqPendingTotal;
    public final Gauge rqPendingActive;
    public final Counter rqDropOverload;
    public final Counter rqPendingOverflow;
    public final Counter rqPendingFailureEject;
    public final Counter rqCompleted;
    public final Counter rqCancelled;
    public final Counter rqTimeout;
    public final Counter rqPerTryTimeout;
    public final Counter rqRxReset;
    public final Counter rqTxReset;
    public final Counter rqRetry;
    public final Counter rqRetrySuccess;
    public final Counter rqRetryOverflow;
    public final Counter rqRetryLimitExceeded;
    public final Histogram rqTime;
    private final Scope scope;
    private final Counter[] classes = new Counter[6];
    private final Counter[] codes = new Counter[600];

    public ClusterStats(Scope scope) {
        this.scope = scope;
        cxTotal = scope.counter("upstream_cx_total");
        cxActive = scope.gauge("upstream_cx_active");
        cxHttp1Total = scope.counter("upstream_cx_http1_total");
        cxHttp2Total = scope.counter("upstream_cx_http2_total");
        cxConnectFail = scope.counter("upstream_cx_connect_fail");
        cxConnectTimeout = scope.counter("upstream_cx_connect_timeout");
        cxOverflow = scope.counter("upstream_cx_overflow");
        cxDestroy = scope.counter("upstream_cx_destroy");
        cxNoneHealthy = scope.counter("upstream_cx_none_healthy");
        cxIdleTimeout = scope.counter("upstream_cx_idle_timeout");
        cxMaxRequests = scope.counter("upstream_cx_max_requests");
        cxRxBytes = scope.counter("upstream_cx_rx_bytes_total");
        cxTxBytes = scope.counter("upstream_cx_tx_bytes_total");
        cxConnectMs = scope.histogram("upstream_cx_connect_ms");
        cxLengthMs = scope.histogram("upstream_cx_length_ms");
        rqTotal = scope.counter("upstream_rq_total");
        rqActive = scope.gauge("upstream_rq_active");
        rqPendingTotal = scope.counter("upstream_rq_pending_total");
        rqPendingActive = scope.gauge("upstream_rq_pending_active");
        rqDropOverload = scope.counter("upstream_rq_drop_overload");
        rqPendingOverflow = scope.counter("upstream_rq_pending_overflow");
        rqPendingFailureEject = scope.counter("upstream_rq_pending_failure_eject");
        rqCompleted = scope.counter("upstream_rq_completed");
        rqCancelled = scope.counter("upstream_rq_cancelled");
        rqTimeout = scope.counter("upstream_rq_timeout");
        rqPerTryTimeout = scope.counter("upstream_rq_per_try_timeout");
        rqRxReset = scope.counter("upstream_rq_rx_reset");
        rqTxReset = scope.counter("upstream_rq_tx_reset");
        rqRetry = scope.counter("upstream_rq_retry");
        rqRetrySuccess = scope.counter("upstream_rq_retry_success");
        rqRetryOverflow = scope.counter("upstream_rq_retry_overflow");
        rqRetryLimitExceeded = scope.counter("upstream_rq_retry_limit_exceeded");
        rqTime = scope.histogram("upstream_rq_time");
        for (int i = 1; i < classes.length; i++) {
            classes[i] = scope.counter("upstream_rq_" + i + "xx");
        }
    }

    /// Counts a response in `upstream_rq_completed`, `_2xx` and `_200`.
    public void response(int code) {
        rqCompleted.inc();
        if (code >= 100 && code < 600) {
            classes[code / 100].inc();
            Counter exact = codes[code];
            if (exact == null) {
                exact = scope.counter("upstream_rq_" + code);
                codes[code] = exact; // a race stores the same object twice
            }
            exact.inc();
        }
    }
}
