package dev.mesh.pilot.webhook;

import dev.mesh.pilot.registry.Troubles;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.MutatingWebhookConfiguration;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.ValidatingWebhookConfiguration;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.WebhookClientConfig;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.net.HttpURLConnection;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps the mesh's roots in `caBundle` of this pilot's webhook configurations, so that the API server trusts the
/// webhooks' certificate, whatever an upgrade or somebody's hand makes of it. Every replica does it, with the same
/// bytes.
public final class CaBundles implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(CaBundles.class);
    private static final String SUBJECT = "webhook certificates";
    private static final int AGAIN_SECONDS = 5;

    private final KubernetesClient client;
    private final Ours ours;
    private final Supplier<String> roots;
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("ca-bundles").daemon(true).factory());
    private volatile @Nullable SharedIndexInformer<MutatingWebhookConfiguration> mutating;
    private volatile @Nullable SharedIndexInformer<ValidatingWebhookConfiguration> validating;
    private final Troubles troubles;

    /// @param namespace of the pilot
    /// @param roots PEM, as of now
    public CaBundles(
            KubernetesClient client, String namespace, String revision, Supplier<String> roots, Troubles troubles) {
        this.troubles = troubles;
        this.client = client;
        this.ours = new Ours(namespace, revision);
        this.roots = roots;
    }

    /// Begins to write and to follow.
    public void start() {
        var api = client.admissionRegistration().v1();
        mutating = api.mutatingWebhookConfigurations().inform(new Handler<>());
        validating = api.validatingWebhookConfigurations().inform(new Handler<>());
        changed(); // what was seen before both could be asked
    }

    /// Writes anew, after the roots changed or a configuration did.
    public void changed() {
        try {
            thread.execute(this::reconcile);
        } catch (RejectedExecutionException e) {
            LOGGER.atTrace().log("closed");
        }
    }

    private void reconcile() {
        try {
            var injectors = mutating;
            var validators = validating;
            if (injectors != null) {
                injectors.getStore().list().forEach(this::put);
            }
            if (validators != null) {
                validators.getStore().list().forEach(this::put);
            }
            troubles.over(SUBJECT);
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
                return; // somebody wrote it: the watch tells what
            }
            String what = e.getCode() == HttpURLConnection.HTTP_FORBIDDEN
                    ? "the pilot's service account may not update webhook configurations (look at its ClusterRole)"
                    : String.valueOf(e.getMessage());
            troubles.tell(SUBJECT, "the API server does not know the webhooks' root yet: " + what);
            if (!thread.isShutdown()) {
                thread.schedule(this::reconcile, AGAIN_SECONDS, TimeUnit.SECONDS);
            }
        }
    }

    private void put(MutatingWebhookConfiguration found) {
        if (ours.isOurs(found)) {
            var changed = found.edit().build();
            changed.getWebhooks().forEach(hook -> hook.setClientConfig(with(hook.getClientConfig())));
            write(found, changed);
        }
    }

    private void put(ValidatingWebhookConfiguration found) {
        if (ours.isOurs(found)) {
            var changed = found.edit().build();
            changed.getWebhooks().forEach(hook -> hook.setClientConfig(with(hook.getClientConfig())));
            write(found, changed);
        }
    }

    private WebhookClientConfig with(WebhookClientConfig config) {
        return config.edit()
                .withCaBundle(Base64.getEncoder().encodeToString(roots.get().getBytes(StandardCharsets.UTF_8)))
                .build();
    }

    private void write(HasMetadata found, HasMetadata changed) {
        if (!found.equals(changed)) {
            client.resource(changed).update();
            LOGGER.atInfo()
                    .addKeyValue(
                            "configuration",
                            changed.getKind() + " " + changed.getMetadata().getName())
                    .log("the API server is told the webhooks' root");
        }
    }

    private final class Handler<T> implements ResourceEventHandler<T> {
        @Override
        public void onAdd(T object) {
            changed();
        }

        @Override
        public void onUpdate(T old, T object) {
            changed();
        }

        @Override
        public void onDelete(T object, boolean unknown) {
            // nothing to keep
        }
    }

    @Override
    public void close() {
        close(mutating);
        close(validating);
        thread.shutdownNow();
    }

    private static void close(@Nullable SharedIndexInformer<?> informer) {
        if (informer != null) {
            informer.close();
        }
    }
}
