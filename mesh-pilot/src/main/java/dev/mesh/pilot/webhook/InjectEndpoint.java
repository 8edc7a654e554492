package dev.mesh.pilot.webhook;

import com.google.gson.JsonObject;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.inject.Injection;
import dev.mesh.pilot.inject.InjectionSettings;
import dev.mesh.pilot.inject.Json;
import dev.mesh.pilot.inject.Names;
import dev.mesh.pilot.inject.PodInjector;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// `/inject`: gives pods a proxy. The API server asks for those whose labels match the webhook's selectors, so that is
/// not judged again; but which labels count depends on what else is in the cluster.
final class InjectEndpoint {
    private static final Logger LOGGER = LoggerFactory.getLogger(InjectEndpoint.class);

    private final InjectorState state;
    private final Supplier<Collection<MeshObject>> objects;

    /// @param objects what the pilot knows now; its ProxyConfigs count
    InjectEndpoint(InjectorState state, Supplier<Collection<MeshObject>> objects) {
        this.state = state;
        this.objects = objects;
    }

    /// @param path of the request: `/inject`, or with `/cluster/ID/net/NETWORK` behind it
    Admission.Response answer(Admission.Request request, String path) {
        if (!request.operation().equals("CREATE")
                || !request.kind().equals("Pod")
                || !request.subResource().isEmpty()) {
            return Admission.Response.UNCHANGED;
        }
        JsonObject pod = request.object();
        InjectionSettings settings = withPath(state.settings().withObjects(objects.get()), path);
        Map<String, String> labels = state.namespaceLabels(request.namespace());
        if (!wanted(labels, pod, settings)) {
            labels = state.freshNamespaceLabels(request.namespace());
            if (!wanted(labels, pod, settings)) {
                log(request, "left alone: its labels are another injector's, or say no");
                return Admission.Response.UNCHANGED;
            }
        }
        return switch (PodInjector.inject(pod, request.namespace(), labels, settings)) {
            case Injection.Injected injected -> {
                log(request, "injected");
                yield new Admission.Response.Allowed(
                        JsonPatches.of(pod, injected.pod()), Admission.warnings(injected.warnings()));
            }
            case Injection.Skipped skipped -> {
                log(request, "left alone: " + skipped.reason());
                yield new Admission.Response.Allowed("", Admission.warnings(skipped.warnings()));
            }
            case Injection.Refused refused -> {
                String why = Admission.errors(refused.findings());
                log(request, "refused: " + why);
                yield new Admission.Response.Denied(
                        "the pod cannot get a proxy: " + why, Admission.warnings(refused.findings()));
            }
        };
    }

    private static boolean wanted(Map<String, String> namespaceLabels, JsonObject pod, InjectionSettings settings) {
        String namespace = namespaceLabels.getOrDefault(Names.MESH_INJECTION, "");
        if (namespace.equals("disabled")) {
            return false;
        }
        return settings.istioLabels()
                || namespace.equals("enabled")
                || List.of("enabled", "true").contains(Json.text(pod, "metadata", "labels", Names.MESH_INJECTION));
    }

    private static InjectionSettings withPath(InjectionSettings settings, String path) {
        String cluster = "";
        String network = "";
        String[] parts = path.split("/", -1);
        for (int i = 0; i + 1 < parts.length; i++) {
            switch (parts[i]) {
                case "cluster" -> cluster = parts[i + 1].replace("--slash--", "/");
                case "net" -> network = parts[i + 1].replace("--slash--", "/");
                default -> {}
            }
        }
        return cluster.isEmpty() && network.isEmpty() ? settings : settings.withCluster(cluster, network);
    }

    private static void log(Admission.Request request, String what) {
        String name = Json.text(request.object(), "metadata", "name");
        LOGGER.atInfo()
                .addKeyValue("namespace", request.namespace())
                .addKeyValue(
                        "pod", name.isEmpty() ? Json.text(request.object(), "metadata", "generateName") + "*" : name)
                .addKeyValue("dryRun", request.dryRun())
                .log("{}", what);
    }
}
