package dev.mesh.proxy.upstream;

/// Why a pool gives no stream.
public enum PoolFailure {
    /// A circuit breaker is open.
    OVERFLOW,
    CONNECT_FAILURE,
    CONNECT_TIMEOUT
}
