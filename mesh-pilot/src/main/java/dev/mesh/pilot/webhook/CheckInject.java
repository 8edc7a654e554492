package dev.mesh.pilot.webhook;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.mesh.pilot.inject.Injection;
import dev.mesh.pilot.inject.InjectionSettings;
import dev.mesh.pilot.inject.Json;
import dev.mesh.pilot.inject.LabelSelector;
import dev.mesh.pilot.inject.PodInjector;
import dev.mesh.pilot.inject.Selection;
import dev.mesh.pilot.inject.Workload;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.MutatingWebhook;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.MutatingWebhookConfiguration;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Why a pod gets a proxy or none: what each injector's webhook in the cluster says to its labels, as the API server
/// judges them, and then what the pilot says to the pod.
public final class CheckInject {
    private final KubernetesClient client;
    private final InjectionSettings settings;

    public CheckInject(KubernetesClient client, InjectionSettings settings) {
        this.client = client;
        this.settings = settings;
    }

    /// @param kind `pod`, `deployment`, `statefulset`, `daemonset`, `replicaset` or `job`
    /// @return `{"object", "injected", "webhooks": [{"configuration", "webhook", "asked", "reason"}], "pilot"}`
    /// @throws IllegalArgumentException with a sentence if there is no such object
    public JsonObject check(String kind, String namespace, String name) {
        HasMetadata found = find(kind, namespace, name);
        if (found == null) {
            throw new IllegalArgumentException(kind + " " + namespace + "/" + name + " is not in the cluster");
        }
        Namespace place = client.namespaces().withName(namespace).get();
        Map<String, String> labels = place == null || place.getMetadata().getLabels() == null
                ? Map.of()
                : place.getMetadata().getLabels();
        JsonObject tree = JsonParser.parseString(Serialization.asJson(found)).getAsJsonObject();
        boolean isPod = kind.equals("pod");
        JsonObject pod = isPod ? tree : Json.object(tree, "spec", "template").deepCopy();
        pod.addProperty("kind", "Pod");
        var webhooks = new JsonArray();
        boolean asked = false;
        for (MutatingWebhookConfiguration configuration : client.admissionRegistration()
                .v1()
                .mutatingWebhookConfigurations()
                .list()
                .getItems()) {
            for (MutatingWebhook webhook : configuration.getWebhooks()) {
                if (isInjector(webhook)) {
                    String why = refusal(webhook, labels, Json.strings(pod, "metadata", "labels"));
                    var line = new JsonObject();
                    line.addProperty(
                            "configuration", configuration.getMetadata().getName());
                    line.addProperty("webhook", webhook.getName());
                    line.addProperty("asked", why.isEmpty());
                    line.addProperty("reason", why.isEmpty() ? "its selectors match" : why);
                    webhooks.add(line);
                    asked |= why.isEmpty() && isOurs(webhook);
                }
            }
        }
        var answer = new JsonObject();
        answer.addProperty("object", kind + " " + namespace + "/" + name);
        answer.add("webhooks", webhooks);
        Selection selection = Selection.of(pod, namespace, settings);
        String said = selection.reason();
        boolean injects = selection.inject();
        if (injects) {
            Workload workload = isPod
                    ? Workload.of(pod, namespace)
                    : new Workload(found.getApiVersion(), found.getKind(), namespace, name);
            if (PodInjector.inject(pod, namespace, labels, workload, settings) instanceof Injection.Refused refused) {
                injects = false;
                said = "it is refused: " + Admission.errors(refused.findings());
            }
        }
        answer.addProperty("injected", asked && injects);
        answer.addProperty("pilot", asked ? said : "is not asked");
        return answer;
    }

    private @Nullable HasMetadata find(String kind, String namespace, String name) {
        var apps = client.apps();
        return switch (kind) {
            case "pod" -> client.pods().inNamespace(namespace).withName(name).get();
            case "deployment" ->
                apps.deployments().inNamespace(namespace).withName(name).get();
            case "statefulset" ->
                apps.statefulSets().inNamespace(namespace).withName(name).get();
            case "daemonset" ->
                apps.daemonSets().inNamespace(namespace).withName(name).get();
            case "replicaset" ->
                apps.replicaSets().inNamespace(namespace).withName(name).get();
            case "job" ->
                client.batch().v1().jobs().inNamespace(namespace).withName(name).get();
            default ->
                throw new IllegalArgumentException(
                        kind + " (expected: pod, deployment, statefulset, daemonset, replicaset or job)");
        };
    }

    private static boolean isOurs(MutatingWebhook webhook) {
        var service = webhook.getClientConfig().getService();
        String url = webhook.getClientConfig().getUrl();
        return service != null
                ? service.getName().startsWith("mesh-pilot")
                : url != null && url.contains("/inject") && webhook.getName().contains("mesh");
    }

    private static boolean isInjector(MutatingWebhook webhook) {
        return isOurs(webhook) || webhook.getName().contains("sidecar-injector");
    }

    // Empty if it is asked.
    private static String refusal(
            MutatingWebhook webhook, Map<String, String> namespaceLabels, Map<String, String> podLabels) {
        if (!matches(webhook.getNamespaceSelector(), namespaceLabels)) {
            return "its namespaceSelector does not match the namespace's labels " + new TreeMap<>(namespaceLabels);
        }
        if (!matches(webhook.getObjectSelector(), podLabels)) {
            return "its objectSelector does not match the pod's labels " + new TreeMap<>(podLabels);
        }
        return "";
    }

    private static boolean matches(
            io.fabric8.kubernetes.api.model.@Nullable LabelSelector selector, Map<String, String> labels) {
        if (selector == null) {
            return true;
        }
        List<LabelSelector.Requirement> requirements = selector.getMatchExpressions().stream()
                .map(requirement -> new LabelSelector.Requirement(
                        requirement.getKey(), requirement.getOperator(), requirement.getValues()))
                .toList();
        return new LabelSelector(selector.getMatchLabels() == null ? Map.of() : selector.getMatchLabels(), requirements)
                .matches(labels);
    }
}
