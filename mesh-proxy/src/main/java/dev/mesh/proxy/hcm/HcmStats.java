package dev.mesh.proxy.hcm;

import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stats.Histogram;
import dev.mesh.proxy.stats.Scope;

/// `http.<stat_prefix>.*`, looked up once.
final class HcmStats {
    final Counter cxTotal;
    final Gauge cxActive;
    final Counter cxHttp1Total;
    final Counter cxHttp2Total;
    final Counter cxProtocolError;
    final Counter cxDestroy;
    final Counter cxIdleTimeout;
    final Counter cxMaxDuration;
    final Counter cxDelayedCloseTimeout;
    final Counter rqTotal;
    final Gauge rqActive;
    final Counter rqCompleted;
    final Counter rqHttp1Total;
    final Counter rqHttp2Total;
    final Counter rqRxReset;
    final Counter rqTxReset;
    final Counter rqTimeout;
    final Counter rqIdleTimeout;
    final Counter rqHeaderTimeout;
    final Counter rqMaxDuration;
    final Counter keepAliveTimeout;
    final Counter noRoute;
    final Counter noCluster;
    final Counter directResponse;
    final Histogram rqTime;
    private final Counter[] classes = new Counter[6];

    HcmStats(Scope root, String prefix) {
        Scope scope = root.tagged("http", "envoy_http_conn_manager_prefix", prefix);
        cxTotal = scope.counter("downstream_cx_total");
        cxActive = scope.gauge("downstream_cx_active");
        cxHttp1Total = scope.counter("downstream_cx_http1_total");
        cxHttp2Total = scope.counter("downstream_cx_http2_total");
        cxProtocolError = scope.counter("downstream_cx_protocol_error");
        cxDestroy = scope.counter("downstream_cx_destroy");
        cxIdleTimeout = scope.counter("downstream_cx_idle_timeout");
        cxMaxDuration = scope.counter("downstream_cx_max_duration_reached");
        cxDelayedCloseTimeout = scope.counter("downstream_cx_delayed_close_timeout");
        rqTotal = scope.counter("downstream_rq_total");
        rqActive = scope.gauge("downstream_rq_active");
        rqCompleted = scope.counter("downstream_rq_completed");
        rqHttp1Total = scope.counter("downstream_rq_http1_total");
        rqHttp2Total = scope.counter("downstream_rq_http2_total");
        rqRxReset = scope.counter("downstream_rq_rx_reset");
        rqTxReset = scope.counter("downstream_rq_tx_reset");
        rqTimeout = scope.counter("downstream_rq_timeout");
        rqIdleTimeout = scope.counter("downstream_rq_idle_timeout");
        rqHeaderTimeout = scope.counter("downstream_rq_header_timeout");
        rqMaxDuration = scope.counter("downstream_rq_max_duration_reached");
        keepAliveTimeout = root.child("http2").counter("keepalive_timeout");
        noRoute = scope.counter("no_route");
        noCluster = scope.counter("no_cluster");
        directResponse = scope.counter("rq_direct_response");
        rqTime = scope.histogram("downstream_rq_time");
        for (int i = 1; i < classes.length; i++) {
            classes[i] = scope.counter("downstream_rq_" + i + "xx");
        }
    }

    void response(int status) {
        rqCompleted.inc();
        if (status >= 100 && status < 600) {
            classes[status / 100].inc();
        }
    }
}
