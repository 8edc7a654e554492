package dev.mesh.pilot.boot;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.serve.PushObserver;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;

/// The pilot's metrics, under Istio's names so that its dashboards work.
final class PilotMetrics implements PushObserver {
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
