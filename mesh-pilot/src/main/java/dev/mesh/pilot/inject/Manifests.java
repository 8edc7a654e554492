package dev.mesh.pilot.inject;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Proxies for whatever has pods in it (Istio's `kube-inject`): Pods, Deployments, ..., CronJobs, and Lists of them.
/// Everything else stays as it is.
public final class Manifests {
    private static final List<String> TEMPLATE = List.of("spec", "template");
    private static final List<String> CRON = List.of("spec", "jobTemplate", "spec", "template");

    /// Kind → where its pod is.
    private static final Map<String, List<String>> PODS = Map.of(
            "Pod", List.of(),
            "Deployment", TEMPLATE,
            "ReplicaSet", TEMPLATE,
            "StatefulSet", TEMPLATE,
            "DaemonSet", TEMPLATE,
            "Job", TEMPLATE,
            "ReplicationController", TEMPLATE,
            "DeploymentConfig", TEMPLATE,
            "Rollout", TEMPLATE,
            "CronJob", CRON);

    private final InjectionSettings settings;
    private final List<Finding> findings = new ArrayList<>();
    private final List<String> skipped = new ArrayList<>();

    private Manifests(InjectionSettings settings) {
        this.settings = settings;
    }

    /// @param objects with proxies; one that was refused is as it was
    /// @param findings errors among them if one was refused
    /// @param skipped a sentence for each that got none
    public record Result(List<JsonElement> objects, List<Finding> findings, List<String> skipped) {
        public boolean refused() {
            return findings.stream().anyMatch(finding -> finding.severity() == Finding.Severity.ERROR);
        }
    }

    /// @param objects documents of YAML files; not changed
    public static Result inject(List<JsonElement> objects, InjectionSettings settings) {
        var manifests = new Manifests(settings);
        List<JsonElement> done = objects.stream().map(manifests::object).toList();
        return new Result(done, List.copyOf(manifests.findings), List.copyOf(manifests.skipped));
    }

    private JsonElement object(JsonElement element) {
        if (!(element instanceof JsonObject object)) {
            return element;
        }
        String kind = Json.text(object, "kind");
        if (kind.equals("List") && Json.at(object, "items") instanceof JsonArray items) {
            JsonObject list = object.deepCopy();
            var done = new JsonArray();
            items.forEach(item -> done.add(object(item)));
            list.add("items", done);
            return list;
        }
        List<String> path = PODS.get(kind);
        JsonObject changed = object.deepCopy();
        JsonObject holder = path == null ? null : holder(changed, path);
        return path == null || holder == null ? element : workload(object, changed, holder, path);
    }

    private static @Nullable JsonObject holder(JsonObject object, List<String> path) {
        return Json.at(object, path.toArray(String[]::new)) instanceof JsonObject holder ? holder : null;
    }

    private JsonObject workload(JsonObject object, JsonObject changed, JsonObject holder, List<String> path) {
        String kind = Json.text(object, "kind");
        String name = Json.text(object, "metadata", "name");
        String own = Json.text(object, "metadata", "namespace");
        String namespace = own.isEmpty() ? "default" : own;
        JsonObject pod = holder.deepCopy();
        Workload workload = path.isEmpty()
                ? Workload.of(Reinjection.strip(pod), namespace)
                : new Workload(Json.text(object, "apiVersion"), kind, namespace, name);
        var about = new ResourceRef("", kind, namespace, name);
        return switch (PodInjector.inject(pod, namespace, Map.of(), workload, settings)) {
            case Injection.Injected injected -> {
                tell(injected.warnings(), about, path);
                holder.add("metadata", Json.object(injected.pod(), "metadata"));
                holder.add("spec", Json.object(injected.pod(), "spec"));
                yield changed;
            }
            case Injection.Skipped skip -> {
                tell(skip.warnings(), about, path);
                skipped.add(about + " gets no proxy: " + skip.reason());
                yield object;
            }
            case Injection.Refused refused -> {
                tell(refused.findings(), about, path);
                yield object;
            }
        };
    }

    private void tell(List<Finding> remarks, ResourceRef about, List<String> path) {
        String prefix = path.isEmpty() ? "" : String.join(".", path) + ".";
        remarks.forEach(remark -> findings.add(new Finding(
                remark.code(),
                about,
                remark.path().isEmpty() ? "" : prefix + remark.path(),
                remark.message(),
                remark.position())));
    }
}
