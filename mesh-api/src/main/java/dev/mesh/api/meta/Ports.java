package dev.mesh.api.meta;

/// The ports of a mesh, as in Istio ("Application Requirements", ports used by Istio).
public final class Ports {
    /// Proxy: Envoy's admin endpoint, on loopback.
    public static final int ADMIN = 15000;
    /// Proxy: where intercepted outbound connections arrive.
    public static final int OUTBOUND = 15001;
    /// Proxy: where intercepted inbound connections arrive.
    public static final int INBOUND = 15006;
    /// Pilot: xDS in plaintext, on loopback only.
    public static final int XDS_PLAINTEXT = 15010;
    /// Pilot: xDS and certificates, over TLS.
    public static final int XDS = 15012;
    /// Pilot: metrics, health and `/debug`.
    public static final int PILOT_HTTP = 15014;
    /// Pilot: the admission webhooks, over HTTPS; 443 of its Service.
    public static final int WEBHOOKS = 15017;
    /// Proxy: merged metrics, and the application's probes.
    public static final int AGENT = 15020;
    /// Proxy: its own readiness, `/healthz/ready`.
    public static final int HEALTH = 15021;
    /// Proxy: the DNS server that intercepted queries arrive at.
    public static final int DNS = 15053;
    /// Proxy: its own metrics, `/stats/prometheus`.
    public static final int PROMETHEUS = 15090;

    private Ports() {}
}
