package dev.mesh.pilot.webhook;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.MutatingWebhook;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.MutatingWebhookConfiguration;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.ValidatingWebhook;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.ValidatingWebhookConfiguration;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.WebhookClientConfig;
import java.util.List;
import java.util.Map;

/// Which webhook configurations lead to this pilot: by the Service they name; those by URL, by the labels that the
/// chart gives them.
record Ours(String namespace, String revision) {
    boolean isOurs(MutatingWebhookConfiguration configuration) {
        return lead(
                configuration,
                configuration.getWebhooks().stream()
                        .map(MutatingWebhook::getClientConfig)
                        .toList());
    }

    boolean isOurs(ValidatingWebhookConfiguration configuration) {
        return lead(
                configuration,
                configuration.getWebhooks().stream()
                        .map(ValidatingWebhook::getClientConfig)
                        .toList());
    }

    private boolean lead(HasMetadata configuration, List<WebhookClientConfig> clients) {
        String service = "mesh-pilot" + (revision.equals("default") ? "" : "-" + revision);
        Map<String, String> labels = configuration.getMetadata().getLabels();
        boolean labelled = labels != null
                && "mesh-pilot".equals(labels.get("app.kubernetes.io/name"))
                && revision.equals(labels.get("istio.io/rev"));
        return clients.stream().allMatch(client -> {
            var named = client.getService();
            return named != null ? named.getName().equals(service) && namespace.equals(named.getNamespace()) : labelled;
        });
    }
}
