package dev.mesh.pilot.inject;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.mesh.api.finding.Finding;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Pod in, pod with a proxy out.
public final class PodInjector {
    private final JsonObject original;
    private final String namespace;
    private final InjectionSettings settings;
    private final List<Finding> findings = new ArrayList<>();

    private PodInjector(JsonObject original, String namespace, InjectionSettings settings) {
        this.original = original;
        this.namespace = namespace;
        this.settings = settings;
    }

    /// For a pod for which this injector was asked.
    ///
    /// @param pod as it is sent to the API server; not changed
    /// @param namespace of the request; the pod itself need not name it
    /// @param namespaceLabels empty if they are not known
    public static Injection inject(
            JsonObject pod, String namespace, Map<String, String> namespaceLabels, InjectionSettings settings) {
        return inject(pod, namespace, namespaceLabels, Workload.of(Reinjection.strip(pod), namespace), settings);
    }

    /// The same where it is known what the pod is a copy of.
    public static Injection inject(
            JsonObject pod,
            String namespace,
            Map<String, String> namespaceLabels,
            Workload workload,
            InjectionSettings settings) {
        Selection selection = Selection.of(pod, namespace, settings);
        if (!selection.inject()) {
            return new Injection.Skipped(selection.reason(), selection.warnings());
        }
        var injector = new PodInjector(pod, namespace, settings);
        injector.findings.addAll(selection.warnings());
        return injector.run(namespaceLabels, workload);
    }

    private Injection run(Map<String, String> namespaceLabels, Workload workload) {
        JsonObject pod = Reinjection.strip(original);
        findings.addAll(AnnotationRules.check(pod, namespace));
        JsonObject proxyConfig = refused()
                ? null
                : ProxyConfigs.of(
                        pod,
                        namespace,
                        settings,
                        this::error,
                        (path, message) -> findings.add(Remarks.notHonoured(original, namespace, path, message)));
        boolean nativeSidecar = nativeSidecar(pod);
        if (proxyConfig == null || refused()) {
            return new Injection.Refused(findings);
        }
        var input = new TemplateInput(pod, namespace, workload, proxyConfig, nativeSidecar, settings);
        List<String> templates = Templates.names(pod, settings.config());
        if (templates.contains(Templates.SIDECAR)) {
            findings.addAll(PodRules.check(input, namespaceLabels));
        }
        JsonObject added = added(templates, input);
        if (added == null || refused()) {
            return new Injection.Refused(findings);
        }
        JsonObject patched = finish(lay(pod, added, input), added, input);
        return refused() ? new Injection.Refused(findings) : new Injection.Injected(patched, findings);
    }

    private boolean refused() {
        return findings.stream().anyMatch(finding -> finding.severity() == Finding.Severity.ERROR);
    }

    private void error(String path, String message) {
        findings.add(Remarks.error(original, namespace, path, message));
    }

    private boolean nativeSidecar(JsonObject pod) {
        String own = Json.strings(pod, "metadata", "annotations").getOrDefault(Names.NATIVE, "");
        if (own.equals("true") && settings.nativeSidecars() == NativeSidecars.NONE) {
            error(
                    Names.annotation(Names.NATIVE),
                    "true, but this cluster has no native sidecars (expected: Kubernetes 1.29 or newer on the API server and on every"
                            + " node, or false)");
        }
        if (!own.isEmpty()) {
            return own.equals("true");
        }
        return switch (settings.chart().text("sidecarInjectorWebhook.nativeSidecars", "auto")) {
            case "false" -> false;
            default -> settings.nativeSidecars() == NativeSidecars.USUAL;
        };
    }

    /// All templates laid over each other: what is added to the pod.
    private @Nullable JsonObject added(List<String> templates, TemplateInput input) {
        var added = new JsonObject();
        for (String name : templates) {
            try {
                JsonObject next = Templates.render(name, input);
                align(next, added, "containers", "initContainers");
                align(next, added, "initContainers", "containers");
                added = StrategicMerge.merge(added, next);
            } catch (IllegalArgumentException e) {
                error(Names.annotation(Names.TEMPLATES), String.valueOf(e.getMessage()));
                return null;
            }
        }
        return added;
    }

    // A template need not know in which of the two lists the proxy is.
    private static void align(JsonObject template, JsonObject added, String from, String to) {
        for (JsonObject container : Json.objects(template, "spec", from)) {
            String name = Json.text(container, "name");
            if (Json.named(Json.objects(added, "spec", to), name) != null) {
                Json.ensureList(Json.object(template, "spec"), from).remove(container);
                Json.ensureList(Json.object(template, "spec"), to).add(container);
            }
        }
    }

    /// What the author wrote into a container that is also added wins over what is added; `image: auto` says nothing.
    private JsonObject lay(JsonObject pod, JsonObject added, TemplateInput input) {
        JsonObject base = pod.deepCopy();
        JsonObject overlay = added.deepCopy();
        var overrides = new JsonObject();
        for (String list : List.of("containers", "initContainers")) {
            JsonArray own = Json.ensureList(Json.ensure(overlay, "spec"), list);
            for (int i = 0; i < own.size(); i++) {
                JsonObject container = own.get(i).getAsJsonObject();
                String name = Json.text(container, "name");
                // A proxy that its author wrote among the containers may become an init container, or the other way.
                for (String where : List.of("containers", "initContainers")) {
                    JsonObject theirs = Json.named(Json.objects(base, "spec", where), name);
                    if (theirs == null) {
                        continue;
                    }
                    Json.ensureList(overrides, where).add(theirs.deepCopy());
                    Json.ensureList(Json.ensure(base, "spec"), where).remove(theirs);
                    JsonObject said = theirs.deepCopy();
                    if (Json.text(said, "image").equals("auto")) {
                        said.remove("image");
                    }
                    own.set(i, StrategicMerge.mergeContainer(container, said));
                }
            }
            if (own.isEmpty()) {
                Json.object(overlay, "spec").remove(list);
            }
        }
        JsonObject merged = StrategicMerge.merge(base, overlay);
        if (!overrides.isEmpty()) {
            Json.ensure(Json.ensure(merged, "metadata"), "annotations")
                    .addProperty(Names.OVERRIDES, Json.compact(overrides));
            user(merged, pod, input);
        }
        return merged;
    }

    // The rules leave alone the user that the proxy really has.
    private static void user(JsonObject merged, JsonObject pod, TemplateInput input) {
        JsonObject theirs = Reinjection.proxy(pod);
        String user = theirs == null ? "" : Json.text(theirs, "securityContext", "runAsUser");
        if (user.isEmpty()) {
            return;
        }
        JsonObject proxy = Reinjection.proxy(merged);
        if (input.tproxy() && proxy != null) {
            Json.ensure(proxy, "securityContext").addProperty("runAsUser", 0);
            return;
        }
        for (JsonObject container : Json.objects(merged, "spec", "initContainers")) {
            String name = Json.text(container, "name");
            if ((name.equals(Names.INIT) || name.equals(Names.VALIDATION)) && !user.equals("0")) {
                JsonArray arguments = Json.ensureList(container, "args");
                for (int i = 0; i + 1 < arguments.size(); i++) {
                    if (arguments.get(i).getAsString().equals("-u")) {
                        arguments.set(i + 1, new com.google.gson.JsonPrimitive(user));
                    }
                }
            }
        }
    }

    private JsonObject finish(JsonObject pod, JsonObject added, TemplateInput input) {
        JsonObject proxy = Reinjection.proxy(pod);
        if (proxy != null) {
            JsonArray env = Json.ensureList(proxy, "env");
            String scraped = PrometheusMerge.apply(pod, settings, input.statusPort(), this::error);
            if (!scraped.isEmpty()) {
                ProxyContainer.add(env, PrometheusMerge.VARIABLE, scraped);
            }
            if (rewritesProbes(input)) {
                String probes = ProbeRewrite.apply(
                        pod,
                        Integer.parseInt(input.statusPort()),
                        (path, message) -> findings.add(Remarks.warning(original, namespace, path, message)));
                if (!probes.isEmpty()) {
                    ProxyContainer.add(env, ProbeRewrite.VARIABLE, probes);
                }
            }
        }
        JsonObject annotations = Json.ensure(Json.ensure(pod, "metadata"), "annotations");
        settings.config().injectedAnnotations().forEach(annotations::addProperty);
        annotations.addProperty(Names.STATUS, Reinjection.status(added, input.pod(), settings.revision()));
        order(Json.ensure(pod, "spec"), input);
        mounts(pod);
        return pod;
    }

    private static boolean rewritesProbes(TemplateInput input) {
        String own = input.annotations().getOrDefault(Names.REWRITE_PROBES, "");
        boolean wanted = own.isEmpty()
                ? input.values().flag("sidecarInjectorWebhook.rewriteAppHTTPProbe", true)
                : own.equals("true");
        return wanted && !input.statusPort().equals("0");
    }

    // With a native sidecar all init containers are in the mesh: interception, proxy, then theirs. Otherwise they run
    // before there is a proxy, so interception comes last; only its check comes first, since without it nothing runs.
    private static void order(JsonObject spec, TemplateInput input) {
        JsonArray init = Json.ensureList(spec, "initContainers");
        if (StrategicMerge.find(init, Names.PROXY) != null) {
            move(init, Names.PROXY, true);
            move(init, Names.VALIDATION, true);
            move(init, Names.INIT, true);
        } else {
            move(init, Names.VALIDATION, true);
            move(init, Names.INIT, false);
        }
        if (init.isEmpty()) {
            spec.remove("initContainers");
        }
        // The application first, so that `kubectl exec` means it; unless it must wait for the proxy.
        move(Json.ensureList(spec, "containers"), Names.PROXY, input.holdsApplication());
    }

    private static void move(JsonArray containers, String name, boolean first) {
        JsonObject container = StrategicMerge.find(containers, name);
        if (container == null) {
            return;
        }
        containers.remove(container);
        var others = containers.deepCopy();
        while (!containers.isEmpty()) {
            containers.remove(0);
        }
        if (first) {
            containers.add(container);
        }
        containers.addAll(others);
        if (!first) {
            containers.add(container);
        }
    }

    private void mounts(JsonObject pod) {
        JsonObject proxy = Reinjection.proxy(pod);
        if (proxy == null) {
            return;
        }
        for (JsonObject mount : Json.objects(proxy, "volumeMounts")) {
            String name = Json.text(mount, "name");
            if (Json.named(Json.objects(pod, "spec", "volumes"), name) == null) {
                error(
                        Names.annotation(Names.USER_VOLUME_MOUNT),
                        name + " is no volume of the pod (expected: one of its volumes, or one of " + Names.USER_VOLUME
                                + ")");
            }
        }
    }
}
