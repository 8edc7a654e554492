package dev.mesh.pilot.ca;

import dev.mesh.pilot.kubeconfig.Changed;
import dev.mesh.pilot.registry.Troubles;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The key that the mesh signs with, in a Secret of the pilot's namespace under Istio's names: `cacerts`, which an
/// operator has plugged in, else `istio-ca-secret`, which the first pilot makes. Both are followed while the pilot
/// runs.
///
/// Every replica may make or renew it: the API server takes the first, the others read that one. A new root follows the
/// old one in the steps of [RootRotation]; roots that sign no more, or will soon sign no more, are kept in the Secret
/// `mesh-ca-retired-roots`, so that a pilot that starts later trusts and distributes them too.
public final class RootStore implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(RootStore.class);
    private static final String SUBJECT = "the mesh's signing key";
    private static final String PLUGGED_IN = "cacerts";
    private static final String SELF_SIGNED = "istio-ca-secret";
    private static final String TYPE = "istio.io/ca-root";
    private static final String CERTIFICATE = "ca-cert.pem";
    private static final String KEY = "ca-key.pem";
    private static final String CHAIN = "cert-chain.pem";
    private static final String ROOT = "root-cert.pem";
    private static final String RETIRED = "mesh-ca-retired-roots";
    private static final String RETIRED_PEM = ".pem";
    private static final String RETIRED_UNTIL = ".until";
    private static final int LOOK_SECONDS = 3600;

    private final KubernetesClient client;
    private final String namespace;
    private final String trustDomain;
    private final Clock clock;
    private final Runnable onChange;
    private final Troubles troubles;
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("root-store").daemon(true).factory());
    private final List<SharedIndexInformer<Secret>> followed = new ArrayList<>();
    private final RootRotation rotation = new RootRotation();
    private volatile @Nullable SigningMaterial material;
    // What stood in the Secret of retired roots when it was last read or written.
    private Map<X509Certificate, Instant> known = Map.of();
    private String trouble = "";

    /// @param trustDomain named in a root that is made here
    /// @param onChange called after the material changed, on the store's thread
    public RootStore(
            KubernetesClient client,
            String namespace,
            String trustDomain,
            Clock clock,
            Runnable onChange,
            Troubles troubles) {
        this.troubles = troubles;
        this.client = client;
        this.namespace = namespace;
        this.trustDomain = trustDomain;
        this.clock = clock;
        this.onChange = onChange;
    }

    /// Reads what there is, or makes it, and follows it from now on.
    ///
    /// @throws IOException with a sentence
    public void open() throws IOException {
        try {
            take(load());
            for (String name : List.of(PLUGGED_IN, SELF_SIGNED, RETIRED)) {
                followed.add(
                        client.secrets().inNamespace(namespace).withName(name).inform(new Changed<>(this::look)));
            }
        } catch (IllegalArgumentException e) {
            throw new IOException(e.getMessage(), e);
        } catch (KubernetesClientException e) {
            throw new IOException(
                    e.getCode() == HttpURLConnection.HTTP_FORBIDDEN
                            ? "the pilot's service account may not get, list, watch, create and update secrets in "
                                    + namespace + " (look at its Role): " + e.getMessage()
                            : "the signing key cannot be read: " + e.getMessage(),
                    e);
        }
        thread.scheduleWithFixedDelay(this::refresh, LOOK_SECONDS, LOOK_SECONDS, TimeUnit.SECONDS);
    }

    /// What is signed with now; its roots are all that the mesh trusts.
    ///
    /// @throws IllegalStateException before [#open]
    public SigningMaterial material() {
        SigningMaterial now = material;
        if (now == null) {
            throw new IllegalStateException("the signing key has not been read yet");
        }
        return now;
    }

    private SigningMaterial load() {
        Secret plugged = secret(PLUGGED_IN);
        if (plugged != null) {
            return read(plugged);
        }
        Secret own = secret(SELF_SIGNED);
        if (own == null) {
            return make();
        }
        SigningMaterial found = read(own);
        if (!CertificateAuthority.isDue(found.signer(), clock.instant())) {
            return found;
        }
        SigningMaterial next = CertificateAuthority.renewed(found, clock);
        try {
            // Of two pilots one is refused for the resourceVersion, and reads the other's.
            client.resource(data(own, next)).update();
            LOGGER.atInfo().addKeyValue("secret", namespace + "/" + SELF_SIGNED).log("the root is renewed: {}", next);
            return next;
        } catch (KubernetesClientException e) {
            if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
                throw e;
            }
            Secret theirs = secret(SELF_SIGNED);
            return theirs == null ? found : read(theirs);
        }
    }

    private @Nullable Secret secret(String name) {
        return client.secrets().inNamespace(namespace).withName(name).get();
    }

    private SigningMaterial make() {
        SigningMaterial made =
                CertificateAuthority.selfSigned(trustDomain, clock, "Secret " + namespace + "/" + SELF_SIGNED);
        Secret secret = data(
                new SecretBuilder()
                        .withType(TYPE)
                        .withNewMetadata()
                        .withName(SELF_SIGNED)
                        .withNamespace(namespace)
                        .endMetadata()
                        .build(),
                made);
        try {
            client.resource(secret).create();
            LOGGER.atInfo().addKeyValue("secret", namespace + "/" + SELF_SIGNED).log("a root is made: {}", made);
            return made;
        } catch (KubernetesClientException e) {
            if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
                throw e;
            }
            Secret theirs = secret(SELF_SIGNED);
            if (theirs == null) {
                throw e;
            }
            return read(theirs);
        }
    }

    private static Secret data(Secret secret, SigningMaterial material) {
        return new SecretBuilder(secret)
                .withData(Map.of(
                        CERTIFICATE, encoded(Pems.text((Object) material.signer())),
                        KEY, encoded(Pems.text((Object) material.key())),
                        ROOT, encoded(material.rootsPem())))
                .build();
    }

    private static String encoded(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private static SigningMaterial read(Secret secret) {
        String origin = "Secret " + secret.getMetadata().getNamespace() + "/"
                + secret.getMetadata().getName();
        String certificate = text(secret, CERTIFICATE);
        String key = text(secret, KEY);
        if (certificate.isBlank() || key.isBlank()) {
            throw new IllegalArgumentException(origin + ": " + (certificate.isBlank() ? CERTIFICATE : KEY)
                    + " is missing (expected: " + CERTIFICATE + ", " + KEY + ", " + ROOT + ", and " + CHAIN
                    + " if the certificate is not signed by the root itself)");
        }
        String root = text(secret, ROOT);
        return SigningMaterial.of(certificate, key, text(secret, CHAIN), root.isBlank() ? certificate : root, origin);
    }

    private static String text(Secret secret, String key) {
        String value = secret.getData() == null ? null : secret.getData().get(key);
        try {
            return value == null ? "" : new String(Base64.getDecoder().decode(value), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return "";
        }
    }

    private void take(SigningMaterial read) {
        Instant now = clock.instant();
        Kept kept = kept();
        Map<X509Certificate, Instant> elsewhere = kept.roots;
        SigningMaterial before = material;
        SigningMaterial older = before == null ? older() : null;
        if (older != null) {
            rotation.resume(older, elsewhere, now);
        }
        rotation.take(read, elsewhere, now);
        SigningMaterial next = rotation.current();
        material = next;
        Map<X509Certificate, Instant> retired = rotation.retired();
        if (retired.entrySet().stream().anyMatch(root -> isNews(elsewhere.get(root.getKey()), root.getValue()))) {
            keep(retired, kept.secret);
        }
        if (before == null
                || !before.chain().equals(next.chain())
                || !before.roots().equals(next.roots())) {
            LOGGER.atInfo().addKeyValue("roots", next.roots().size()).log("certificates are signed with {}", next);
            onChange.run();
        }
        Instant step = rotation.nextStep();
        if (step != null && !thread.isShutdown()) {
            thread.schedule(this::refresh, Duration.between(now, step).toMillis() + 1, TimeUnit.MILLISECONDS);
        }
    }

    private static boolean isNews(@Nullable Instant kept, Instant until) {
        return kept == null || kept.isBefore(until);
    }

    // The pilot's own root, which has signed until another one was plugged in.
    private @Nullable SigningMaterial older() {
        Secret own = secret(SELF_SIGNED);
        try {
            return own == null ? null : read(own);
        } catch (IllegalArgumentException e) {
            LOGGER.atDebug().setCause(e).log("{} is not used, and cannot be", SELF_SIGNED);
            return null;
        }
    }

    /// What the Secret of retired roots holds.
    ///
    /// @param secret null: there is none, or it cannot be read
    private record Kept(
            Map<X509Certificate, Instant> roots, @Nullable Secret secret) {}

    // What cannot be read is as it was: only what is taken out is trusted no longer.
    private Kept kept() {
        Secret secret;
        try {
            secret = secret(RETIRED);
        } catch (KubernetesClientException e) {
            tell(RETIRED + " cannot be read: " + why(e));
            return new Kept(known, null);
        }
        var found = new HashMap<X509Certificate, Instant>();
        if (secret != null && secret.getData() != null) {
            for (String key : secret.getData().keySet()) {
                if (key.endsWith(RETIRED_PEM)) {
                    String name = key.substring(0, key.length() - RETIRED_PEM.length());
                    try {
                        found.put(
                                Pems.certificates(text(secret, key), RETIRED + " " + key)
                                        .getFirst(),
                                Instant.parse(text(secret, name + RETIRED_UNTIL).strip()));
                    } catch (IllegalArgumentException | DateTimeParseException e) {
                        tell("Secret " + namespace + "/" + RETIRED + ": " + key + " is passed over: " + e.getMessage());
                        known.forEach((root, until) -> {
                            if (Pems.fingerprint(root).equals(name)) {
                                found.put(root, until);
                            }
                        });
                    }
                }
            }
        }
        known = Map.copyOf(found);
        return new Kept(known, secret);
    }

    // On what was read before, so that nothing is put back that is taken out meanwhile.
    private void keep(Map<X509Certificate, Instant> roots, @Nullable Secret before) {
        var data = new TreeMap<String, String>();
        if (before != null && before.getData() != null) {
            data.putAll(before.getData());
        }
        roots.forEach((root, until) -> {
            String name = Pems.fingerprint(root);
            data.put(name + RETIRED_PEM, encoded(Pems.text((Object) root)));
            data.put(name + RETIRED_UNTIL, encoded(until.toString()));
        });
        try {
            if (before == null) {
                client.resource(new SecretBuilder()
                                .withNewMetadata()
                                .withName(RETIRED)
                                .withNamespace(namespace)
                                .endMetadata()
                                .withData(data)
                                .build())
                        .create();
            } else {
                client.resource(new SecretBuilder(before).withData(data).build())
                        .update();
            }
            rotation.kept(roots.keySet());
            known = Map.copyOf(roots);
        } catch (KubernetesClientException e) {
            // The watch tells of what another has written or taken out; what is missing then is written then.
            if (e.getCode() != HttpURLConnection.HTTP_CONFLICT && e.getCode() != HttpURLConnection.HTTP_NOT_FOUND) {
                tell("the roots that sign no more cannot be kept in " + RETIRED + ", so a pilot that starts later does"
                        + " not trust them: " + why(e));
            }
        }
    }

    private String why(KubernetesClientException e) {
        return e.getCode() == HttpURLConnection.HTTP_FORBIDDEN
                ? "the pilot's service account may not get, list, watch, create and update this secret in " + namespace
                        + " (look at its Role)"
                : String.valueOf(e.getMessage());
    }

    private void tell(String what) {
        if (!what.equals(trouble)) {
            trouble = what;
            LOGGER.atError().log("{}", what);
        }
    }

    private void refresh() {
        try {
            take(load());
            troubles.over(SUBJECT);
        } catch (IllegalArgumentException | KubernetesClientException e) {
            troubles.tell(SUBJECT, "the last good signing key stays in use: " + e.getMessage());
        } catch (RuntimeException e) {
            LOGGER.atError().setCause(e).log("error of the pilot; the last good signing key stays in use");
        }
    }

    private void look() {
        try {
            thread.execute(this::refresh);
        } catch (RejectedExecutionException e) {
            LOGGER.atTrace().log("closed");
        }
    }

    @Override
    public void close() {
        followed.forEach(SharedIndexInformer::close);
        thread.shutdownNow();
    }
}
