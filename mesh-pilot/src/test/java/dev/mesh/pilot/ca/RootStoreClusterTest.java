package dev.mesh.pilot.ca;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.pilot.kube.OnApiServer;
import dev.mesh.pilot.kube.TestApiServer;
import dev.mesh.pilot.registry.Troubles;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A root follows another on a real API server; only the clock is made up.
@OnApiServer
class RootStoreClusterTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    private volatile Instant now = Instant.now();
    private final Clock clock = new Clock() {
        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return now;
        }
    };

    private static Map<String, String> data(SigningMaterial material) {
        return Map.of(
                "ca-cert.pem", Pems.text((Object) material.signer()),
                "ca-key.pem", Pems.text((Object) material.key()),
                "root-cert.pem", material.rootsPem());
    }

    @Test
    void aPluggedInRootFollowsTheOldOneWithoutAGap() throws Exception {
        try (var apiServer = new TestApiServer(work);
                var admin = apiServer.admin();
                var store = new RootStore(admin, "mesh-system", "cluster.local", clock, () -> {}, new Troubles())) {
            admin.resource(new NamespaceBuilder()
                            .withNewMetadata()
                            .withName("mesh-system")
                            .endMetadata()
                            .build())
                    .create();
            store.open();
            SigningMaterial old = store.material();
            SigningMaterial young = CertificateAuthority.selfSigned("plugged", clock, "test");

            admin.resource(new SecretBuilder()
                            .withNewMetadata()
                            .withName("cacerts")
                            .withNamespace("mesh-system")
                            .endMetadata()
                            .withStringData(data(young))
                            .build())
                    .create();
            await().atMost(PATIENCE).until(() -> store.material().roots().size() == 2);
            assertThat(store.material().signer()).isEqualTo(old.signer());
            assertThat(store.material().roots()).containsExactly(young.signer(), old.signer());
            try (var second = new RootStore(admin, "mesh-system", "cluster.local", clock, () -> {}, new Troubles())) {
                second.open();
                assertThat(second.material().signer())
                        .as("a pilot that starts meanwhile goes on with the old one, whose key is still there")
                        .isEqualTo(old.signer());
                assertThat(second.material().roots()).containsExactly(young.signer(), old.signer());
            }

            now = now.plus(RootRotation.PROPAGATION);
            admin.secrets()
                    .inNamespace("mesh-system")
                    .withName("cacerts")
                    .edit(secret -> new SecretBuilder(secret)
                            .editMetadata()
                            .addToLabels("looked", "again")
                            .endMetadata()
                            .build());
            await().atMost(PATIENCE).until(() -> store.material().signer().equals(young.signer()));
            assertThat(store.material().roots()).containsExactly(young.signer(), old.signer());

            try (var later = new RootStore(admin, "mesh-system", "cluster.local", clock, () -> {}, new Troubles())) {
                await().atMost(PATIENCE)
                        .until(() -> admin.secrets()
                                        .inNamespace("mesh-system")
                                        .withName("mesh-ca-retired-roots")
                                        .get()
                                != null);
                later.open();
                assertThat(later.material().roots())
                        .as("a pilot that starts later has the same")
                        .isEqualTo(store.material().roots());

                admin.secrets()
                        .inNamespace("mesh-system")
                        .withName("mesh-ca-retired-roots")
                        .edit(secret ->
                                new SecretBuilder(secret).withData(Map.of()).build());
                await("what is taken out there is trusted no longer")
                        .atMost(PATIENCE)
                        .until(() -> store.material().roots().equals(List.of(young.signer()))
                                && later.material().roots().equals(List.of(young.signer())));
                assertThat(admin.secrets()
                                .inNamespace("mesh-system")
                                .withName("mesh-ca-retired-roots")
                                .get()
                                .getData())
                        .as("nobody has written it again")
                        .isNullOrEmpty();
            }
        }
    }

    @Test
    void aPilotThatStartsWhileANewRootWaitsTrustsTheOldOneThoughItsKeyIsGone() throws Exception {
        try (var apiServer = new TestApiServer(work);
                var admin = apiServer.admin()) {
            admin.resource(new NamespaceBuilder()
                            .withNewMetadata()
                            .withName("mesh-system")
                            .endMetadata()
                            .build())
                    .create();
            SigningMaterial old = CertificateAuthority.selfSigned("first", clock, "test");
            SigningMaterial young = CertificateAuthority.selfSigned("second", clock, "test");
            var plugged = new SecretBuilder()
                    .withNewMetadata()
                    .withName("cacerts")
                    .withNamespace("mesh-system")
                    .endMetadata()
                    .withStringData(data(old))
                    .build();
            admin.resource(plugged).create();
            try (var store = new RootStore(admin, "mesh-system", "cluster.local", clock, () -> {}, new Troubles())) {
                store.open();
                admin.resource(new SecretBuilder(plugged)
                                .withStringData(data(young))
                                .build())
                        .update();
                await().atMost(PATIENCE).until(() -> store.material().roots().size() == 2);
                assertThat(store.material().signer()).isEqualTo(old.signer());
            }
            // It has ended before the new root signed.
            try (var next = new RootStore(admin, "mesh-system", "cluster.local", clock, () -> {}, new Troubles())) {
                next.open();
                assertThat(next.material().signer()).as("there is no other key").isEqualTo(young.signer());
                assertThat(next.material().roots()).containsExactly(young.signer(), old.signer());
            }
        }
    }
}
