package dev.mesh.pilot.boot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.pilot.ca.CertificateAuthority;
import dev.mesh.pilot.ca.IssuanceCounts;
import dev.mesh.pilot.ca.SigningMaterial;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.Test;

class PilotMetricsTest {
    private static final Instant NOW = Instant.parse("2026-05-01T12:00:00Z");

    @Test
    void theAuthorityHasIstiosNames() {
        Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
        SigningMaterial root = CertificateAuthority.selfSigned("cluster.local", clock, "test");
        var registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

        PilotMetrics.authority(new Identities("cluster.local", new IssuanceCounts(), () -> root), registry, clock);

        double end = root.signer().getNotAfter().toInstant().getEpochSecond();
        assertThat(registry.scrape())
                .contains(
                        "\ncitadel_server_csr_count 0.0\n",
                        "\ncitadel_server_success_cert_issuance_count 0.0\n",
                        "\ncitadel_server_authentication_failure_count 0.0\n",
                        "\ncitadel_server_id_extraction_err_count 0.0\n",
                        "\ncitadel_server_csr_parsing_err_count 0.0\n",
                        "\ncitadel_server_csr_sign_err_count{error=\"CA_NOT_READY\"} 0.0\n",
                        "\ncitadel_server_csr_sign_err_count{error=\"TTL_ERROR\"} 0.0\n",
                        "\ncitadel_server_root_cert_expiry_timestamp " + end + "\n",
                        "\ncitadel_server_root_cert_expiry_seconds " + (end - NOW.getEpochSecond()) + "\n",
                        "\ncitadel_server_cert_chain_expiry_timestamp " + end + "\n",
                        "\ncitadel_server_cert_chain_expiry_seconds " + (end - NOW.getEpochSecond()) + "\n");
    }

    @Test
    void theRootThatEndsIsTheOneThatSignsAndNoneOfThoseBeforeIt() {
        Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
        SigningMaterial old = CertificateAuthority.selfSigned(
                "old", Clock.fixed(NOW.minus(Duration.ofDays(3000)), ZoneOffset.UTC), "test");
        SigningMaterial root = CertificateAuthority.selfSigned("cluster.local", clock, "test");
        var both = new SigningMaterial(root.chain(), root.key(), List.of(root.signer(), old.signer()), root.origin());
        var registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

        PilotMetrics.authority(new Identities("cluster.local", new IssuanceCounts(), () -> both), registry, clock);

        double end = root.signer().getNotAfter().toInstant().getEpochSecond();
        assertThat(registry.scrape())
                .contains(
                        "\ncitadel_server_root_cert_expiry_timestamp " + end + "\n",
                        "\ncitadel_server_root_cert_expiry_seconds " + (end - NOW.getEpochSecond()) + "\n");
    }
}
