package dev.mesh.pilot.inject;

/// Istio's names of labels, annotations and containers, so that existing manifests work.
public final class Names {
    /// On a namespace or a pod: `enabled` or `disabled`; works whatever else is installed.
    public static final String MESH_INJECTION = "mesh.dev/injection";

    public static final String ISTIO_INJECTION = "istio-injection";
    public static final String REVISION = "istio.io/rev";
    public static final String INJECT = "sidecar.istio.io/inject";

    static final String STATUS = "sidecar.istio.io/status";
    static final String OVERRIDES = "proxy.istio.io/overrides";
    static final String PROXY_CONFIG = "proxy.istio.io/config";
    static final String TEMPLATES = "inject.istio.io/templates";
    static final String NATIVE = "sidecar.istio.io/nativeSidecar";
    static final String INTERCEPTION = "sidecar.istio.io/interceptionMode";
    static final String STATUS_PORT = "status.sidecar.istio.io/port";
    static final String REWRITE_PROBES = "sidecar.istio.io/rewriteAppHTTPProbers";
    static final String MERGE_METRICS = "prometheus.istio.io/merge-metrics";
    static final String PROXY_IMAGE = "sidecar.istio.io/proxyImage";
    static final String CPU = "sidecar.istio.io/proxyCPU";
    static final String CPU_LIMIT = "sidecar.istio.io/proxyCPULimit";
    static final String MEMORY = "sidecar.istio.io/proxyMemory";
    static final String MEMORY_LIMIT = "sidecar.istio.io/proxyMemoryLimit";
    static final String LOG_LEVEL = "sidecar.istio.io/logLevel";
    static final String DISCOVERY_ADDRESS = "sidecar.istio.io/discoveryAddress";
    static final String USER_VOLUME = "sidecar.istio.io/userVolume";
    static final String USER_VOLUME_MOUNT = "sidecar.istio.io/userVolumeMount";
    static final String BIND_LOW_PORTS = "sidecar.istio.io/capNetBindService";
    static final String READY_DELAY = "readiness.status.sidecar.istio.io/initialDelaySeconds";
    static final String READY_PERIOD = "readiness.status.sidecar.istio.io/periodSeconds";
    static final String READY_FAILURES = "readiness.status.sidecar.istio.io/failureThreshold";
    static final String INCLUDE_OUT_RANGES = "traffic.sidecar.istio.io/includeOutboundIPRanges";
    static final String EXCLUDE_OUT_RANGES = "traffic.sidecar.istio.io/excludeOutboundIPRanges";
    static final String INCLUDE_IN_PORTS = "traffic.sidecar.istio.io/includeInboundPorts";
    static final String EXCLUDE_IN_PORTS = "traffic.sidecar.istio.io/excludeInboundPorts";
    static final String INCLUDE_OUT_PORTS = "traffic.sidecar.istio.io/includeOutboundPorts";
    static final String EXCLUDE_OUT_PORTS = "traffic.sidecar.istio.io/excludeOutboundPorts";
    static final String EXCLUDE_INTERFACES = "traffic.sidecar.istio.io/excludeInterfaces";
    static final String KUBEVIRT_INTERFACES = "traffic.sidecar.istio.io/kubevirtInterfaces";
    static final String REROUTE_INTERFACES = "istio.io/reroute-virtual-interfaces";

    static final String CANONICAL_NAME = "service.istio.io/canonical-name";
    static final String CANONICAL_REVISION = "service.istio.io/canonical-revision";
    static final String WORKLOAD_NAME = "service.istio.io/workload-name";
    static final String NETWORK = "topology.istio.io/network";

    static final String PROXY = "istio-proxy";
    static final String INIT = "istio-init";
    static final String VALIDATION = "istio-validation";

    private Names() {}

    /// The field path of an annotation.
    static String annotation(String name) {
        return "metadata.annotations[\"" + name + "\"]";
    }
}
