package dev.mesh.pilot.kubeconfig;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.http.HttpClient;
import io.fabric8.kubernetes.client.internal.CertUtils;
import io.fabric8.kubernetes.client.internal.SSLUtils;
import io.fabric8.kubernetes.client.jdkhttp.JdkHttpClientFactory;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import org.jspecify.annotations.Nullable;

/// Clients of an API server. fabric8 takes elliptic keys only with a library of its own beside it, and kubeconfigs with
/// such keys are common (k3s, kind, our own test cluster): here the JDK reads them.
public final class KubernetesClients {
    private static final Pattern PEM = Pattern.compile("-----BEGIN (EC )?PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END");
    // What PKCS #8 has around a key of SEC 1: version, and id-ecPublicKey with the curve (P-256, P-384, P-521).
    private static final List<String> CURVES = List.of("06082a8648ce3d030107", "06052b81040022", "06052b81040023");
    private static final String EC_PUBLIC_KEY = "06072a8648ce3d0201";

    private static final int REQUEST_MILLIS = 60_000;

    private KubernetesClients() {}

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
            return open(new ConfigBuilder(config)
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

    /// @throws KubernetesClientException if what the configuration says of certificates cannot be read
    public static KubernetesClient open(Config config) {
        KeyManager[] keys;
        try {
            keys = elliptic(config);
        } catch (GeneralSecurityException | IOException e) {
            throw new KubernetesClientException("kubeconfig: the client's key cannot be read: " + e.getMessage(), e);
        }
        if (keys == null) {
            return new KubernetesClientBuilder().withConfig(config).build();
        }
        config.setClientKeyData(null);
        config.setClientKeyFile(null);
        return new KubernetesClientBuilder()
                .withConfig(config)
                .withHttpClientFactory(new JdkHttpClientFactory() {
                    @Override
                    public HttpClient.Builder newBuilder(Config used) {
                        HttpClient.Builder builder = super.newBuilder(used);
                        try {
                            builder.sslContext(keys, SSLUtils.trustManagers(used));
                        } catch (GeneralSecurityException | IOException e) {
                            throw new KubernetesClientException(
                                    "kubeconfig: the authority's certificate cannot be read: " + e.getMessage(), e);
                        }
                        return builder;
                    }
                })
                .build();
    }

    private static KeyManager @Nullable [] elliptic(Config config) throws GeneralSecurityException, IOException {
        String keyText = text(config.getClientKeyData(), config.getClientKeyFile());
        String certificateText = text(config.getClientCertData(), config.getClientCertFile());
        PrivateKey key = key(keyText);
        if (key == null || certificateText.isEmpty()) {
            return null;
        }
        var chain = CertificateFactory.getInstance("X.509")
                .generateCertificates(new ByteArrayInputStream(certificateText.getBytes(StandardCharsets.US_ASCII)));
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        store.setKeyEntry("client", key, new char[0], chain.toArray(Certificate[]::new));
        var factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(store, new char[0]);
        return factory.getKeyManagers();
    }

    private static String text(@Nullable String data, @Nullable String file) throws IOException {
        if (data == null && file == null) {
            return "";
        }
        try (InputStream in = CertUtils.getInputStreamFromDataOrFile(data, file)) {
            return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
        }
    }

    /// The elliptic key of a PEM text; null if it holds another kind, or none.
    static @Nullable PrivateKey key(String pem) throws GeneralSecurityException {
        Matcher matcher = PEM.matcher(pem);
        if (!matcher.find()) {
            return null;
        }
        byte[] der = Base64.getMimeDecoder().decode(matcher.group(2));
        if (matcher.group(1) != null) {
            der = wrapped(der);
        } else if (!HexFormat.of().formatHex(der).contains(EC_PUBLIC_KEY)) {
            return null;
        }
        return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der));
    }

    private static byte[] wrapped(byte[] sec1) throws GeneralSecurityException {
        HexFormat hex = HexFormat.of();
        String key = hex.formatHex(sec1);
        for (String curve : CURVES) {
            if (key.contains(curve)) {
                String algorithm = sequence("30", EC_PUBLIC_KEY + curve);
                return hex.parseHex(sequence("30", "020100" + algorithm + sequence("04", key)));
            }
        }
        throw new GeneralSecurityException("its curve is not known (expected: P-256, P-384 or P-521)");
    }

    // DER: tag, length, content.
    private static String sequence(String tag, String content) {
        int length = content.length() / 2;
        String size = length < 0x80
                ? "%02x".formatted(length)
                : length < 0x100 ? "81%02x".formatted(length) : "82%04x".formatted(length);
        return tag + size + content;
    }
}
