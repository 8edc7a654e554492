package dev.mesh.pilot.kube;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.read.Kinds;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.api.read.ReadResult;
import dev.mesh.pilot.registry.Registry;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.client.informers.cache.ItemStore;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Where an informer keeps what it sees: each object is read into the registry, and only its name and version stay
/// here. So what an informer has listed, the registry holds. Called by the informer's threads.
final class RegistryStore implements ItemStore<GenericKubernetesResource> {
    private static final Logger LOGGER = LoggerFactory.getLogger(RegistryStore.class);

    private final Kinds.Kind kind;
    private final String version;
    private final String revision;
    private final Registry registry;
    private final Runnable onChange;
    private final Map<String, GenericKubernetesResource> names = new ConcurrentHashMap<>();

    RegistryStore(Kinds.Kind kind, String version, String revision, Registry registry, Runnable onChange) {
        this.kind = kind;
        this.version = version;
        this.revision = revision;
        this.registry = registry;
        this.onChange = onChange;
    }

    @Override
    public String getKey(GenericKubernetesResource object) {
        return KubeObjects.origin(KubeObjects.ref(kind, object));
    }

    @Override
    @SuppressWarnings("NullAway") // null: there was none, as the interface says
    public @Nullable GenericKubernetesResource put(String key, GenericKubernetesResource object) {
        GenericKubernetesResource before = names.put(key, nameOf(object));
        if (before != null
                && before.getMetadata()
                        .getResourceVersion()
                        .equals(object.getMetadata().getResourceVersion())) {
            return before; // listed again
        }
        boolean ours = !KubeObjects.isMesh(kind) || KubeObjects.isOf(revision, object);
        if (ours ? read(key, object) : registry.remove(key)) {
            onChange.run();
        }
        return before;
    }

    private boolean read(String key, GenericKubernetesResource object) {
        ReadResult result;
        try {
            result = ObjectReader.read(KubeObjects.tree(kind, version, object));
        } catch (RuntimeException e) {
            // One object must not end the watch of all.
            ResourceRef ref = KubeObjects.ref(kind, object);
            LOGGER.atError().setCause(e).log("error of the pilot, {} could not be read", ref);
            result = new ReadResult(
                    List.of(),
                    List.of(new Finding(
                            Finding.Code.INVALID_VALUE, ref, "", "could not be read: " + e.getMessage(), null)));
        }
        for (Finding finding : result.findings()) {
            switch (finding.severity()) {
                case ERROR -> LOGGER.atError().log("{}", finding);
                case WARNING -> LOGGER.atWarn().log("{}", finding);
                case INFO -> LOGGER.atInfo().log("{}", finding);
            }
        }
        return registry.put(key, result.objects(), result.findings());
    }

    @Override
    @SuppressWarnings("NullAway") // null: there was none, as the interface says
    public @Nullable GenericKubernetesResource remove(String key) {
        GenericKubernetesResource before = names.remove(key);
        if (registry.remove(key)) {
            onChange.run();
        }
        return before;
    }

    /// Forgets all objects, because their kind is gone.
    void clear() {
        List.copyOf(names.keySet()).forEach(this::remove);
    }

    private static GenericKubernetesResource nameOf(GenericKubernetesResource object) {
        var metadata = new ObjectMeta();
        metadata.setName(object.getMetadata().getName());
        metadata.setNamespace(object.getMetadata().getNamespace());
        metadata.setResourceVersion(object.getMetadata().getResourceVersion());
        var name = new GenericKubernetesResource();
        name.setMetadata(metadata);
        return name;
    }

    @Override
    public Stream<String> keySet() {
        return names.keySet().stream();
    }

    @Override
    public Stream<GenericKubernetesResource> values() {
        return names.values().stream();
    }

    @Override
    public int size() {
        return names.size();
    }

    @Override
    @SuppressWarnings("NullAway") // null: there is none, as the interface says
    public @Nullable GenericKubernetesResource get(String key) {
        return names.get(key);
    }

    @Override
    public boolean isFullState() {
        return false;
    }
}
