package dev.mesh.pilot.kube;

import dev.mesh.pilot.kubeconfig.KubernetesClients;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Clients of an API server.
public final class KubeClients {
    private static final int REQUEST_MILLIS = 60_000;

    private KubeClients() {}

    /// A client that makes no second attempts of its own: who calls knows better when.
    ///
    /// @param kubeconfig null: the service account of the pod, else what `KUBECONFIG` and `~/.kube/config` say
    /// @throws IOException with a sentence
    public static KubernetesClient of(@Nullable Path kubeconfig) throws IOException {
        try {
            Config config;
            if (kubeconfig == null) {
                config = Config.autoConfigure(null);
            } else if (Files.isReadable(kubeconfig)) {
                config = Config.fromKubeconfig(kubeconfig.toFile());
            } else {
                throw new IOException(kubeconfig + ": no such kubeconfig, or it may not be read");
            }
            return KubernetesClients.open(new ConfigBuilder(config)
                    .withRequestRetryBackoffLimit(0)
                    .withRequestTimeout(REQUEST_MILLIS)
                    .build());
        } catch (KubernetesClientException | IllegalArgumentException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new IOException(
                    (kubeconfig == null ? "the cluster" : kubeconfig.toString()) + ": no usable kubeconfig ("
                            + cause.getMessage() + ")",
                    e);
        }
    }
}
