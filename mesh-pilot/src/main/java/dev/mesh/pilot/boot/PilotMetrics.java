package dev.mesh.pilot.boot;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.ca.IssuanceCounts;
import dev.mesh.pilot.serve.PushObserver;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.function.Supplier;

/// The pilot's metrics, under Istio's names so that its dashboards work.
final class PilotMetrics implements PushObserver {
    private static final String CITADEL = "citadel_server_";

    private final MeterRegistry registry;
    private final Timer convergence;

    PilotMetrics(Pilot pilot, MeterRegistry registry) {
        this.registry = registry;
        Gauge.builder("pilot_xds", pilot, of -> of.proxies().size())
                .description("Connected proxies")
                .register(registry);
        Gauge.builder(
                        "pilot_services",
                        pilot,
                        of -> of.newest() == null ? 0 : of.newest().services().size())
                .description("Known services")
                .register(registry);
        Gauge.builder(
                        "pilot_virt_services",
                        pilot,
                        of -> of.newest() == null
                                ? 0
                                : of.newest().virtualServices().size())
                .description("Known virtual services")
                .register(registry);
        Gauge.builder("mesh_findings", pilot, of -> count(of, Finding.Severity.ERROR))
                .tag("severity", "error")
                .description("Remarks on configuration")
                .register(registry);
        Gauge.builder("mesh_findings", pilot, of -> count(of, Finding.Severity.WARNING))
                .tag("severity", "warning")
                .description("Remarks on configuration")
                .register(registry);
        convergence = Timer.builder("pilot_proxy_convergence_time")
                .description("From the sight of a change to its being sent to a proxy")
                .publishPercentileHistogram()
                .maximumExpectedValue(Duration.ofSeconds(30))
                .register(registry);
        pilot.observe(this);
        pilot.identities().thenAccept(identities -> authority(identities, registry, Clock.systemUTC()));
    }

    // Gauges, for a counter's name would get `_total` behind it, and these are Istio's names as they are.
    static void authority(Identities identities, MeterRegistry registry, Clock clock) {
        IssuanceCounts counts = identities.counts();
        gauge(registry, "csr_count", "Certificate requests", counts::requestsSoFar);
        gauge(registry, "success_cert_issuance_count", "Certificates signed", counts::issuedSoFar);
        gauge(
                registry,
                "authentication_failure_count",
                "Certificate requests whose caller has proven nothing",
                counts::unauthenticatedSoFar);
        gauge(
                registry,
                "id_extraction_err_count",
                "Certificate requests whose caller's certificate names no identity",
                counts::unidentifiedSoFar);
        gauge(registry, "csr_parsing_err_count", "Certificate requests that are none", counts::malformedSoFar);
        for (IssuanceCounts.SigningError error : IssuanceCounts.SigningError.values()) {
            Gauge.builder(CITADEL + "csr_sign_err_count", () -> counts.unsignedSoFar(error))
                    .tag("error", error.name())
                    .description("Certificate requests that were not signed")
                    .register(registry);
        }
        expiry(
                registry,
                "root_cert",
                "root certificate of what signs now",
                clock,
                () -> identities.signsWith().get().anchors());
        expiry(
                registry,
                "cert_chain",
                "signing certificate, or one above it,",
                clock,
                () -> identities.signsWith().get().chain());
    }

    private static void gauge(MeterRegistry registry, String name, String what, Supplier<Number> value) {
        Gauge.builder(CITADEL + name, value).description(what).register(registry);
    }

    private static void expiry(
            MeterRegistry registry, String name, String what, Clock clock, Supplier<List<X509Certificate>> of) {
        Supplier<Instant> first = () -> of.get().stream()
                .map(certificate -> certificate.getNotAfter().toInstant())
                .min(Comparator.naturalOrder())
                .orElse(Instant.EPOCH);
        gauge(
                registry,
                name + "_expiry_timestamp",
                "When the " + what + " ends, in seconds since 1970",
                () -> first.get().getEpochSecond());
        gauge(
                registry,
                name + "_expiry_seconds",
                "Seconds until the " + what + " ends; below zero: since it did",
                () -> Duration.between(clock.instant(), first.get()).toSeconds());
    }

    private static double count(Pilot pilot, Finding.Severity severity) {
        return pilot.findings().stream()
                .filter(finding -> finding.severity() == severity)
                .count();
    }

    @Override
    public void sent(XdsType type, int bytes) {
        Counter.builder("pilot_xds_pushes")
                .tag("type", type.shortName().toLowerCase(java.util.Locale.ROOT))
                .description("Responses sent")
                .register(registry)
                .increment();
        Counter.builder("pilot_xds_config_size_bytes")
                .tag("type", type.shortName().toLowerCase(java.util.Locale.ROOT))
                .description("Bytes of responses sent")
                .register(registry)
                .increment(bytes);
    }

    @Override
    public void rejected(XdsType type) {
        Counter.builder("pilot_total_xds_rejects")
                .tag("type", type.shortName().toLowerCase(java.util.Locale.ROOT))
                .description("Responses that a proxy refused")
                .register(registry)
                .increment();
    }

    @Override
    public void converged(Duration since) {
        convergence.record(since);
    }
}
