package dev.mesh.pilot.kube;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBuilder;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a pilot believes of accounts on a real API server with its rules of access.
@OnApiServer
class ServiceAccountsClusterTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    @Test
    void everyAccountIsBelievedToBeThereOnceTheRightToAskIsLost() throws Exception {
        try (var apiServer = new TestApiServer(work);
                var admin = apiServer.admin()) {
            admin.resource(new ServiceAccountBuilder()
                            .withNewMetadata()
                            .withName("pilot")
                            .withNamespace("default")
                            .endMetadata()
                            .build())
                    .create();
            admin.resource(new ClusterRoleBuilder()
                            .withNewMetadata()
                            .withName("reads-accounts")
                            .endMetadata()
                            .addNewRule()
                            .withApiGroups("")
                            .withResources("serviceaccounts")
                            .withVerbs("get", "list", "watch")
                            .endRule()
                            .build())
                    .create();
            var binding = admin.resource(new ClusterRoleBindingBuilder()
                    .withNewMetadata()
                    .withName("pilot-reads-accounts")
                    .endMetadata()
                    .withNewRoleRef("rbac.authorization.k8s.io", "ClusterRole", "reads-accounts")
                    .addNewSubject("", "ServiceAccount", "pilot", "default")
                    .build());
            binding.create();
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
            try (var client = new KubernetesClientBuilder().withConfig(own).build();
                    var accounts = new ServiceAccounts(client, () -> {})) {
                accounts.start();
                await().atMost(PATIENCE).until(() -> accounts.get("default/pilot") != null && accounts.isSettled());
                assertThat(accounts.exists("default", "nobody")).isFalse();

                binding.delete();

                // A new name each time: that one is not there is remembered for a while.
                var asked = new AtomicInteger();
                await().atMost(PATIENCE).until(() -> accounts.exists("default", "later" + asked.incrementAndGet()));
            }
        }
    }
}
