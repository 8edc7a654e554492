package dev.mesh.proxy.http;

/// Why a stream ended before its time (Envoy's `StreamResetReason`).
public enum ResetReason {
    LOCAL_RESET,
    /// The peer has not processed it: safe to retry.
    REMOTE_REFUSED,
    REMOTE_RESET,
    CONNECTION_FAILURE,
    CONNECTION_TIMEOUT,
    CONNECTION_TERMINATION,
    OVERFLOW,
    PROTOCOL_ERROR,
    /// Local end because of a limit on the connection.
    EXCESSIVE_LOAD
}
