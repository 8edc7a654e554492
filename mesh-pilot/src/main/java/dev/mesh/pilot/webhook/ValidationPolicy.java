package dev.mesh.pilot.webhook;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceBuilder;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.ValidatingWebhook;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.ValidatingWebhookConfiguration;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Makes validation binding once it works: `failurePolicy` of our ValidatingWebhookConfiguration is `Ignore` when it is
/// installed, since no pilot answers yet, and becomes `Fail` when the API server was seen to reach the pilot (an object
/// that is always refused is created as a dry run, as Istio does). Every replica does it; a second time changes
/// nothing.
public final class ValidationPolicy implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(ValidationPolicy.class);
    private static final ResourceDefinitionContext GATEWAYS = new ResourceDefinitionContext.Builder()
            .withGroup("networking.istio.io")
            .withVersion("v1")
            .withKind("Gateway")
            .withPlural("gateways")
            .withNamespaced(true)
            .build();
    private static final long WAITING_SECONDS = 2;
    private static final long SETTLED_SECONDS = 60;

    private final KubernetesClient client;
    private final String namespace;
    private final String revision;
    private final Runnable now;
    private final Ours ours;
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("validation-policy").daemon(true).factory());
    private @Nullable SharedIndexInformer<ValidatingWebhookConfiguration> configurations;
    private boolean reached;
    private String trouble = "";

    /// @param now run each time beside, on its thread
    public ValidationPolicy(KubernetesClient client, String namespace, String revision, Runnable now) {
        this.client = client;
        this.namespace = namespace;
        this.revision = revision;
        this.now = now;
        this.ours = new Ours(namespace, revision);
    }

    public void start() {
        thread.execute(this::run);
        configurations = client.admissionRegistration()
                .v1()
                .validatingWebhookConfigurations()
                .inform(new ResourceEventHandler<>() {
                    @Override
                    public void onAdd(ValidatingWebhookConfiguration added) {
                        changed();
                    }

                    @Override
                    public void onUpdate(ValidatingWebhookConfiguration before, ValidatingWebhookConfiguration after) {
                        changed();
                    }

                    @Override
                    public void onDelete(ValidatingWebhookConfiguration deleted, boolean unknown) {}
                });
    }

    private void changed() {
        if (!thread.isShutdown()) {
            thread.execute(this::attempt);
        }
    }

    private void run() {
        now.run();
        boolean settled = attempt();
        if (!thread.isShutdown()) {
            thread.schedule(this::run, settled ? SETTLED_SECONDS : WAITING_SECONDS, TimeUnit.SECONDS);
        }
    }

    private boolean attempt() {
        try {
            boolean settled = reconcile();
            if (settled) {
                trouble = "";
            }
            return settled;
        } catch (RuntimeException e) {
            tell("validation stays as it is: " + e.getMessage());
            return false;
        }
    }

    private void tell(String what) {
        if (!trouble.equals(what)) {
            LOGGER.atWarn().log("{}", what);
        }
        trouble = what;
    }

    /// @return whether all is as it should be
    boolean reconcile() {
        var api = client.admissionRegistration().v1().validatingWebhookConfigurations();
        boolean settled = true;
        for (ValidatingWebhookConfiguration configuration : api.list().getItems()) {
            if (ours.isOurs(configuration)
                    && configuration.getWebhooks().stream().anyMatch(this::mayIgnore)) {
                if (!reached && !isReached()) {
                    settled = false;
                    continue;
                }
                reached = true;
                api.withName(configuration.getMetadata().getName()).edit(found -> {
                    found.getWebhooks().stream().filter(this::mayIgnore).forEach(hook -> hook.setFailurePolicy("Fail"));
                    return found;
                });
                LOGGER.atInfo()
                        .addKeyValue(
                                "configuration", configuration.getMetadata().getName())
                        .log("validation is binding from now on (failurePolicy: Fail)");
            }
        }
        return settled;
    }

    private boolean mayIgnore(ValidatingWebhook webhook) {
        return "Ignore".equals(webhook.getFailurePolicy());
    }

    private boolean isReached() {
        GenericKubernetesResource refused = new GenericKubernetesResourceBuilder()
                .withApiVersion("networking.istio.io/v1")
                .withKind("Gateway")
                .withNewMetadata()
                .withName("mesh-always-rejected")
                .withNamespace(namespace)
                .withLabels(Map.of("istio.io/rev", revision))
                .withAnnotations(Map.of(ValidateEndpoint.ALWAYS_REJECT, "true"))
                .endMetadata()
                .withAdditionalProperties(Map.of(
                        "spec",
                        Map.of(
                                "servers",
                                List.of(Map.of(
                                        "port", Map.of("number", 80, "name", "http", "protocol", "HTTP"),
                                        "hosts", List.of("rejected.invalid"))))))
                .build();
        try {
            client.genericKubernetesResources(GATEWAYS)
                    .inNamespace(namespace)
                    .resource(refused)
                    .dryRun()
                    .create();
            tell(
                    "validation is not binding yet: the API server does not ask this pilot (is the webhook's caBundle set?)");
            return false;
        } catch (KubernetesClientException e) {
            String message = String.valueOf(e.getMessage());
            if (message.contains("denied the request")) {
                return true;
            }
            if (e.getCode() == 404) {
                tell("validation is not binding yet: the mesh's kinds are not installed");
                return false;
            }
            tell(
                    e.getCode() == 403
                            ? "validation is not binding yet: this service account may not create gateways.networking.istio.io"
                                    + " in " + namespace
                                    + " (a dry run, to see whether the API server reaches the pilot): "
                                    + message
                            : "validation is not binding yet: " + message);
            return false;
        }
    }

    @Override
    public void close() {
        var informer = configurations;
        if (informer != null) {
            informer.close();
        }
        thread.shutdownNow();
    }
}
