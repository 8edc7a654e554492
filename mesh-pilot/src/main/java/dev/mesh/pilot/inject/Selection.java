package dev.mesh.pilot.inject;

import com.google.gson.JsonObject;
import dev.mesh.api.finding.Finding;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Whether a pod gets a proxy. Two questions, as in Istio: which injector is asked at all (labels of the namespace and
/// the pod, which the API server compares with the selectors of the webhook), and what the injector then says to the
/// pod (`injectRequired`).
///
/// @param reason one sentence: the rule that decided
/// @param warnings labels that say nothing
public record Selection(boolean inject, String reason, List<Finding> warnings) {
    /// Never touched, whatever is labelled.
    public static final Set<String> IGNORED_NAMESPACES =
            Set.of("kube-system", "kube-public", "kube-node-lease", "local-path-storage");

    private static Selection yes(String reason) {
        return new Selection(true, reason, List.of());
    }

    private static Selection no(String reason) {
        return new Selection(false, reason, List.of());
    }

    /// Which injector is asked: the selectors of `charts/mesh-pilot`, said in sentences.
    ///
    /// @param ours names that stand for this revision: its own, and those of its tags
    public static Selection asked(
            Map<String, String> namespaceLabels, JsonObject pod, Set<String> ours, InjectionSettings settings) {
        String namespace = namespaceLabels.getOrDefault(Names.MESH_INJECTION, "");
        var labels = Json.strings(pod, "metadata", "labels");
        String own = labels.getOrDefault(Names.MESH_INJECTION, "");
        if (namespace.equals("disabled")) {
            return no("the namespace has " + Names.MESH_INJECTION + "=disabled");
        }
        if (namespace.equals("enabled")) {
            return revision(
                    namespaceLabels, labels, ours, settings, "the namespace has " + Names.MESH_INJECTION + "=enabled");
        }
        if (own.equals("enabled")) {
            return revision(
                    namespaceLabels, labels, ours, settings, "the pod has " + Names.MESH_INJECTION + "=enabled");
        }
        if (!settings.istioLabels()) {
            return no(
                    "neither the namespace nor the pod has " + Names.MESH_INJECTION
                            + "=enabled, and Istio's labels are not honoured here (another injector has them, or the chart says so)");
        }
        String legacy = namespaceLabels.get(Names.ISTIO_INJECTION);
        if (legacy != null) {
            return legacy.equals("enabled")
                    ? isDefault(ours, "the namespace has " + Names.ISTIO_INJECTION + "=enabled")
                    : no("the namespace has " + Names.ISTIO_INJECTION + "=" + legacy);
        }
        String namespaceRevision = namespaceLabels.get(Names.REVISION);
        if (namespaceRevision != null) {
            return mine(namespaceRevision, ours, "the namespace has " + Names.REVISION + "=" + namespaceRevision);
        }
        String podRevision = labels.get(Names.REVISION);
        if (podRevision != null) {
            return mine(podRevision, ours, "the pod has " + Names.REVISION + "=" + podRevision);
        }
        if ("true".equals(labels.get(Names.INJECT))) {
            return isDefault(ours, "the pod has " + Names.INJECT + "=true");
        }
        if (settings.chart().flag("sidecarInjectorWebhook.enableNamespacesByDefault", false)
                && !labels.containsKey(Names.INJECT)) {
            return isDefault(ours, "namespaces are enabled by default");
        }
        return no("the namespace has none of " + Names.MESH_INJECTION + "=enabled, " + Names.ISTIO_INJECTION
                + "=enabled and " + Names.REVISION + ", and the pod does not ask by itself");
    }

    private static Selection revision(
            Map<String, String> namespaceLabels,
            Map<String, String> labels,
            Set<String> ours,
            InjectionSettings settings,
            String why) {
        String wanted = namespaceLabels.getOrDefault(Names.REVISION, labels.get(Names.REVISION));
        if (wanted == null || !settings.istioLabels()) {
            return isDefault(ours, why);
        }
        return mine(wanted, ours, why + " and " + Names.REVISION + "=" + wanted);
    }

    private static Selection isDefault(Set<String> ours, String why) {
        return mine(InjectionSettings.DEFAULT_REVISION, ours, why);
    }

    private static Selection mine(String wanted, Set<String> ours, String why) {
        return ours.contains(wanted) ? yes(why) : no(why + ", which is another pilot's revision");
    }

    /// What the injector says to a pod for which it was asked.
    ///
    /// @param namespace of the request
    public static Selection of(JsonObject pod, String namespace, InjectionSettings settings) {
        var labels = Json.strings(pod, "metadata", "labels");
        var annotations = Json.strings(pod, "metadata", "annotations");
        var warnings = new ArrayList<Finding>();
        Boolean said = said(labels, annotations, pod, namespace, warnings);
        if (Json.flag(pod, "spec", "hostNetwork")) {
            if (Boolean.TRUE.equals(said)) {
                warnings.add(Remarks.warning(
                        pod,
                        namespace,
                        "spec.hostNetwork",
                        "a pod on its host's network gets no proxy, though its labels ask for one"
                                + " (expected: no hostNetwork, or no such label)"));
            }
            return new Selection(
                    false, "it is on its host's network, where interception would take the node's traffic", warnings);
        }
        if (IGNORED_NAMESPACES.contains(namespace) || namespace.equals(settings.systemNamespace())) {
            return new Selection(false, "pods of the namespace " + namespace + " never get a proxy", warnings);
        }
        if (isWindows(pod)) {
            return new Selection(false, "it runs on Windows, for which there is no proxy", warnings);
        }
        if (said != null) {
            return new Selection(said, said ? "the pod asks for it" : "the pod asks for none", warnings);
        }
        for (LabelSelector selector : settings.config().never()) {
            if (!selector.isEmpty() && selector.matches(labels)) {
                return new Selection(false, "its labels match neverInjectSelector", warnings);
            }
        }
        for (LabelSelector selector : settings.config().always()) {
            if (!selector.isEmpty() && selector.matches(labels)) {
                return new Selection(true, "its labels match alwaysInjectSelector", warnings);
            }
        }
        return settings.config().enabled()
                ? new Selection(true, "the injector's policy is enabled", warnings)
                : new Selection(false, "the injector's policy is disabled and the pod does not ask", warnings);
    }

    // Our own label first, then Istio's label, then Istio's old annotation.
    private static @Nullable Boolean said(
            Map<String, String> labels,
            Map<String, String> annotations,
            JsonObject pod,
            String namespace,
            List<Finding> warnings) {
        String own = labels.get(Names.MESH_INJECTION);
        if (own != null) {
            switch (own) {
                case "enabled", "true" -> {
                    return true;
                }
                case "disabled", "false" -> {
                    return false;
                }
                default ->
                    warnings.add(Remarks.warning(
                            pod,
                            namespace,
                            "metadata.labels[\"" + Names.MESH_INJECTION + "\"]",
                            own + " (expected: enabled or disabled)"));
            }
        }
        boolean byLabel = labels.containsKey(Names.INJECT);
        String istio = byLabel ? labels.get(Names.INJECT) : annotations.get(Names.INJECT);
        if (istio == null || istio.isEmpty()) {
            return null;
        }
        if (istio.equals("true") || istio.equals("false")) {
            return istio.equals("true");
        }
        warnings.add(Remarks.warning(
                pod,
                namespace,
                (byLabel ? "metadata.labels" : "metadata.annotations") + "[\"" + Names.INJECT + "\"]",
                istio + " (expected: true or false)"));
        return null;
    }

    private static boolean isWindows(JsonObject pod) {
        return Json.text(pod, "spec", "os", "name").equals("windows")
                || Json.text(pod, "spec", "nodeSelector", "kubernetes.io/os").equals("windows");
    }
}
