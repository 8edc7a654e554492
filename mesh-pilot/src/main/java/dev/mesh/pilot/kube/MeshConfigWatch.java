package dev.mesh.pilot.kube;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.pilot.registry.Registry;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Follows the one ConfigMap that holds the settings of the mesh, in its key `mesh`. None means all defaults.
final class MeshConfigWatch implements ResourceEventHandler<ConfigMap>, AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(MeshConfigWatch.class);
    private static final String KEY = "mesh";

    private final ResourceRef ref;
    private final Registry registry;
    private final Runnable onChange;
    private final Runnable onSync;
    private final SharedIndexInformer<ConfigMap> informer;
    private volatile boolean read;
    private volatile String trouble = "";

    /// @param onSync called when it has been read, or when it is clear that it cannot be
    MeshConfigWatch(
            KubernetesClient client, KubeOptions options, Registry registry, Runnable onChange, Runnable onSync) {
        String name = options.revision().equals("default") ? "mesh" : "mesh-" + options.revision();
        ref = new ResourceRef("", "ConfigMap", options.namespace(), name);
        this.registry = registry;
        this.onChange = onChange;
        this.onSync = onSync;
        informer = client.configMaps()
                .inNamespace(options.namespace())
                .withName(name)
                .runnableInformer(0)
                .addEventHandler(this)
                .exceptionHandler((started, why) -> {
                    failed(why);
                    return true;
                });
    }

    void start() {
        informer.start();
    }

    private void failed(Throwable why) {
        String now = ref + " cannot be read: " + KindWatch.reason(why, "configmaps in namespace " + ref.namespace());
        if (!now.equals(trouble)) {
            LOGGER.atWarn().log("{}; what was read stays", now);
        }
        trouble = now;
        onSync.run();
    }

    @Override
    public void onNothing() {
        synced();
    }

    @Override
    public void onAdd(ConfigMap now) {
        take(now);
    }

    @Override
    public void onUpdate(ConfigMap before, ConfigMap now) {
        take(now);
    }

    @Override
    public void onDelete(ConfigMap gone, boolean unknown) {
        if (registry.remove(KubeObjects.origin(ref))) {
            onChange.run();
        }
    }

    private void take(ConfigMap now) {
        Map<String, String> data = now.getData();
        var result = ObjectReader.readMeshConfig(ref, data == null ? "" : data.getOrDefault(KEY, ""));
        for (Finding finding : result.findings()) {
            LOGGER.atError().log("{}", finding);
        }
        if (registry.put(KubeObjects.origin(ref), result.objects(), result.findings())) {
            onChange.run();
        }
        synced();
    }

    private void synced() {
        read = true;
        trouble = "";
        onSync.run();
    }

    /// Why it cannot be followed now, as a sentence; empty if it can.
    String trouble() {
        return trouble;
    }

    boolean isSettled() {
        return read || !trouble.isEmpty();
    }

    /// What it waits for; empty if it has been read.
    String waitsFor() {
        return read ? "" : trouble.isEmpty() ? ref.toString() : trouble;
    }

    @Override
    public void close() {
        informer.stop();
    }
}
