package dev.mesh.pilot.inject;

import com.google.gson.JsonObject;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What a pod is a copy of: the Deployment behind a ReplicaSet, the CronJob behind a Job (Istio's
/// `GetDeployMetaFromPod`).
///
/// @param name empty if the pod has no name of its own yet and no owner
public record Workload(String apiVersion, String kind, String namespace, String name) {
    private static final Pattern OF_CRON_JOB = Pattern.compile("(.+)-\\d{8,10}");

    public static Workload of(JsonObject pod, String namespace) {
        String own = Json.text(pod, "metadata", "name");
        JsonObject owner = Json.text(pod, "metadata", "generateName").isEmpty()
                ? null
                : Json.objects(pod, "metadata", "ownerReferences").stream()
                        .filter(reference -> Json.flag(reference, "controller"))
                        .findFirst()
                        .orElse(null);
        if (owner == null) {
            return new Workload("v1", "Pod", namespace, own);
        }
        String apiVersion = Json.text(owner, "apiVersion");
        String kind = Json.text(owner, "kind");
        String name = Json.text(owner, "name");
        var labels = Json.strings(pod, "metadata", "labels");
        String hash = labels.getOrDefault("pod-template-hash", "");
        String rolloutHash = labels.getOrDefault("rollouts-pod-template-hash", "");
        if (kind.equals("ReplicaSet") && !hash.isEmpty() && name.endsWith("-" + hash)) {
            return new Workload(apiVersion, "Deployment", namespace, cut(name, hash));
        }
        if (kind.equals("ReplicaSet") && !rolloutHash.isEmpty() && name.endsWith("-" + rolloutHash)) {
            return new Workload("v1alpha1", "Rollout", namespace, cut(name, rolloutHash));
        }
        if (kind.equals("ReplicationController") && labels.containsKey("deploymentconfig")) {
            return new Workload(apiVersion, "DeploymentConfig", namespace, labels.getOrDefault("deploymentconfig", ""));
        }
        Matcher cron = OF_CRON_JOB.matcher(name);
        if (kind.equals("Job") && cron.matches()) {
            return new Workload("batch/v1", "CronJob", namespace, cron.group(1));
        }
        return new Workload(apiVersion, kind, namespace, name);
    }

    private static String cut(String name, String hash) {
        return name.substring(0, name.length() - hash.length() - 1);
    }

    /// Istio's node metadata `OWNER`.
    String owner() {
        return "kubernetes://apis/" + apiVersion + "/namespaces/" + namespace + "/"
                + kind.toLowerCase(java.util.Locale.ROOT) + "s/" + name;
    }
}
