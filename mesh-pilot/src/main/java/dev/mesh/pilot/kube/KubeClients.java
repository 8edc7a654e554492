package dev.mesh.pilot.kube;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Clients of an API server.
public final class KubeClients {
    private static final int REQUEST_MILLIS = 60_000;
    private static final String BEGIN = "-----BEGIN PRIVATE KEY-----";
    private static final String END = "-----END PRIVATE KEY-----";

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
            return new KubernetesClientBuilder()
                    .withConfig(new ConfigBuilder(config)
                            .withClientKeyAlgo(keyAlgorithm(config))
                            .withRequestRetryBackoffLimit(0)
                            .withRequestTimeout(REQUEST_MILLIS)
                            .build())
                    .build();
        } catch (KubernetesClientException | IllegalArgumentException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new IOException(
                    (kubeconfig == null ? "the cluster" : kubeconfig.toString()) + ": no usable kubeconfig ("
                            + cause.getMessage() + ")",
                    e);
        }
    }

    // The library takes every PKCS#8 key for RSA; what it is says the key itself.
    private static @Nullable String keyAlgorithm(Config config) throws IOException {
        String pem = config.getClientKeyData() != null
                ? new String(Base64.getMimeDecoder().decode(config.getClientKeyData()), StandardCharsets.UTF_8)
                : config.getClientKeyFile() != null && Files.isReadable(Path.of(config.getClientKeyFile()))
                        ? Files.readString(Path.of(config.getClientKeyFile()))
                        : "";
        int begin = pem.indexOf(BEGIN);
        int end = pem.indexOf(END);
        if (begin >= 0 && end > begin) {
            byte[] der = Base64.getMimeDecoder().decode(pem.substring(begin + BEGIN.length(), end));
            for (String algorithm : List.of("RSA", "EC", "EdDSA")) {
                try {
                    KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(der));
                    return algorithm;
                } catch (GeneralSecurityException e) {
                    // not this one
                }
            }
        }
        return config.getClientKeyAlgo();
    }
}
