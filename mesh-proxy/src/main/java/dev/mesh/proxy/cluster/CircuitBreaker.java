package dev.mesh.proxy.cluster;

/// The limits of one cluster and priority, for the whole process (`envoy.config.cluster.v3.CircuitBreakers`).
/// Each `try` takes one if there is room; what was taken is given back. Without locks: a limit may be
/// overshot for a moment, as in Envoy.
public interface CircuitBreaker {
    boolean tryConnection();

    void connectionClosed();

    boolean tryPending();

    void pendingDone();

    boolean tryRequest();

    void requestDone();

    boolean tryRetry();

    void retryDone();
}
