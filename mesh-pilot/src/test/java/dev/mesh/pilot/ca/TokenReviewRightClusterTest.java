package dev.mesh.pilot.ca;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.pilot.kube.TestApiServer;
import dev.mesh.pilot.registry.Troubles;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBindingBuilder;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

@EnabledIfSystemProperty(named = "kube", matches = ".+")
class TokenReviewRightClusterTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    @Test
    void aMissingRightIsSaidUntilItIsGiven() throws Exception {
        try (var apiServer = new TestApiServer(work);
                var admin = apiServer.admin()) {
            var account = admin.resource(new ServiceAccountBuilder()
                            .withNewMetadata()
                            .withName("pilot")
                            .withNamespace("default")
                            .endMetadata()
                            .build())
                    .create();
            String token = admin.serviceAccounts()
                    .inNamespace("default")
                    .withName("pilot")
                    .tokenRequest(
                            new TokenRequestBuilder().withNewSpec().endSpec().build())
                    .getStatus()
                    .getToken();
            var own = new ConfigBuilder(admin.getConfiguration())
                    .withClientCertData(null)
                    .withClientKeyData(null)
                    .withClientCertFile(null)
                    .withClientKeyFile(null)
                    .withOauthToken(token)
                    .build();
            var troubles = new Troubles();
            try (var client = new KubernetesClientBuilder().withConfig(own).build();
                    var right = new TokenReviewRight(client, troubles)) {
                right.look();
                assertThat(right.waitsFor()).isEqualTo(TokenReviewRight.MISSING);
                assertThat(troubles.all()).containsExactly(TokenReviewRight.MISSING);

                admin.resource(new ClusterRoleBindingBuilder()
                                .withNewMetadata()
                                .withName("pilot-judges-tokens")
                                .endMetadata()
                                .withNewRoleRef("rbac.authorization.k8s.io", "ClusterRole", "system:auth-delegator")
                                .addNewSubject(
                                        "",
                                        "ServiceAccount",
                                        "pilot",
                                        account.getMetadata().getNamespace())
                                .build())
                        .create();
                await().atMost(Duration.ofSeconds(60))
                        .until(() ->
                                right.waitsFor().isEmpty() && troubles.all().isEmpty());
            }
        }
    }
}
