package dev.mesh.proxy.stream;

/// Envoy's response flags (`%RESPONSE_FLAGS%`), in its order.
public enum ResponseFlag {
    FAILED_LOCAL_HEALTH_CHECK("LH"),
    NO_HEALTHY_UPSTREAM("UH"),
    UPSTREAM_REQUEST_TIMEOUT("UT"),
    LOCAL_RESET("LR"),
    UPSTREAM_REMOTE_RESET("UR"),
    UPSTREAM_CONNECTION_FAILURE("UF"),
    UPSTREAM_CONNECTION_TERMINATION("UC"),
    UPSTREAM_OVERFLOW("UO"),
    NO_ROUTE_FOUND("NR"),
    DELAY_INJECTED("DI"),
    FAULT_INJECTED("FI"),
    RATE_LIMITED("RL"),
    UNAUTHORIZED("UAEX"),
    RATE_LIMIT_SERVICE_ERROR("RLSE"),
    DOWNSTREAM_CONNECTION_TERMINATION("DC"),
    UPSTREAM_RETRY_LIMIT_EXCEEDED("URX"),
    STREAM_IDLE_TIMEOUT("SI"),
    INVALID_ENVOY_REQUEST_HEADERS("IH"),
    DOWNSTREAM_PROTOCOL_ERROR("DPE"),
    UPSTREAM_MAX_STREAM_DURATION("UMSDR"),
    NO_FILTER_CONFIG("NFCF"),
    DURATION_TIMEOUT("DT"),
    UPSTREAM_PROTOCOL_ERROR("UPE"),
    NO_CLUSTER_FOUND("NC"),
    OVERLOAD("OM"),
    DROP_OVERLOAD("DO"),
    DOWNSTREAM_REMOTE_RESET("DR");

    private final String shortName;

    ResponseFlag(String shortName) {
        this.shortName = shortName;
    }

    public int bit() {
        return 1 << ordinal();
    }

    public String shortName() {
        return shortName;
    }
}
