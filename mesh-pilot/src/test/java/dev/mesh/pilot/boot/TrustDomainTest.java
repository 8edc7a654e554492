package dev.mesh.pilot.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.pilot.ca.CertificateAuthority;
import dev.mesh.pilot.ca.IssuanceCounts;
import dev.mesh.pilot.registry.Registry;
import dev.mesh.pilot.registry.Source;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TrustDomainTest {
    private static final ResourceRef MESH = new ResourceRef("", "ConfigMap", "mesh-system", "mesh");

    /// The settings of the mesh, as a test says them.
    private static final class Settings implements Source {
        private final Registry registry;
        private final Runnable onChange;

        private Settings(Registry registry, Runnable onChange) {
            this.registry = registry;
            this.onChange = onChange;
        }

        void say(String yaml) {
            var read = ObjectReader.readMeshConfig(MESH, yaml);
            registry.put("mesh", read.objects(), read.findings());
            onChange.run();
        }

        @Override
        public void read() {}

        @Override
        public void start() {}

        @Override
        public void close() {}
    }

    private @Nullable Settings settings;

    private List<String> findings(Pilot pilot) {
        return pilot.findings().stream().map(Finding::toString).toList();
    }

    @Test
    void aTrustDomainThatChangesIsSaidToNeedARestart() throws IOException {
        var material = CertificateAuthority.selfSigned("cluster.local", Clock.systemUTC(), "test");
        try (var pilot = new Pilot(
                (registry, onChange) -> {
                    settings = new Settings(registry, onChange);
                    return settings;
                },
                0)) {
            pilot.start(started -> {
                started.identities(new Identities(started.trustDomain(), new IssuanceCounts(), () -> material));
                return () -> {};
            });
            assertThat(findings(pilot)).isEmpty();

            settings().say("trustDomain: shop.example");
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(
                            () -> assertThat(findings(pilot))
                                    .singleElement()
                                    .asString()
                                    .contains(
                                            "ConfigMap mesh-system/mesh: trustDomain: is shop.example now, and this pilot signs"
                                                    + " for cluster.local as long as it runs (expected: a restart of every pilot"));

            settings().say("trustDomain: cluster.local");
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThat(findings(pilot)).isEmpty());
        }
    }

    private Settings settings() {
        if (settings == null) {
            throw new AssertionError("the pilot has not opened its source");
        }
        return settings;
    }
}
