package dev.mesh.pilot.kube;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.k8s.Secret;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.Kinds;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.api.read.ReadResult;
import dev.mesh.pilot.model.NamedCredentials;
import dev.mesh.pilot.registry.Registry;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.client.informers.cache.ItemStore;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Where an informer keeps what it sees: each object is read into the registry, and only its name and version stay
/// here. So what an informer has listed, the registry holds. Called by the informer's threads.
final class RegistryStore implements ItemStore<GenericKubernetesResource>, NamedSecrets.Store {
    private static final Logger LOGGER = LoggerFactory.getLogger(RegistryStore.class);

    private final Kinds.Kind kind;
    private final String version;
    private final Supplier<Set<String>> revisions;
    private final Registry registry;
    private final Changes changes;
    private final NamedSecrets secrets;
    private final boolean areSecrets;
    private final boolean ofMesh;
    private final Set<String> unread = ConcurrentHashMap.newKeySet();
    private final Map<String, GenericKubernetesResource> names = new ConcurrentHashMap<>();

    RegistryStore(
            Kinds.Kind kind,
            String version,
            Supplier<Set<String>> revisions,
            Registry registry,
            Changes changes,
            NamedSecrets secrets) {
        this.kind = kind;
        this.version = version;
        this.revisions = revisions;
        this.registry = registry;
        this.changes = changes;
        this.secrets = secrets;
        areSecrets = kind.type() == Secret.class;
        ofMesh = KubeObjects.isMesh(kind);
        if (areSecrets) {
            secrets.store(this);
        }
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
        take(key, object);
        tell();
        return before;
    }

    private void tell() {
        if (ofMesh) {
            changes.seen();
        }
    }

    private void take(String key, GenericKubernetesResource object) {
        boolean ours = areSecrets
                ? secrets.wants(object.getMetadata().getName())
                : !ofMesh || KubeObjects.isOf(revisions.get(), object);
        if (ours ? read(key, object) : remove(registry, key)) {
            changes.changed();
        }
    }

    private boolean remove(Registry from, String key) {
        if (!areSecrets) {
            secrets.names(key, Set.of());
        }
        return from.remove(key);
    }

    // ---- what is read only now ----

    /// Those that are for one revision: name → whether it is ours now.
    Map<GenericKubernetesResource, Boolean> revisioned() {
        var found = new HashMap<GenericKubernetesResource, Boolean>();
        if (ofMesh) {
            names.values().stream()
                    .filter(one -> KubeObjects.revision(one) != null)
                    .forEach(one -> found.put(one, KubeObjects.isOf(revisions.get(), one)));
        }
        return found;
    }

    @Override
    public Set<String> seen() {
        var seen = new HashSet<String>();
        names.values()
                .forEach(one -> seen.add(one.getMetadata().getNamespace() + "/"
                        + one.getMetadata().getName()));
        return seen;
    }

    // The watch may have told of a newer one meanwhile, or that it is gone.
    @Override
    public void take(GenericKubernetesResource found) {
        String key = getKey(found);
        names.computeIfPresent(key, (any, seen) -> {
            if (isOlder(found, seen)) {
                return seen;
            }
            take(key, found);
            return nameOf(found);
        });
    }

    // What is held then is what the watch has brought since it was named.
    private static boolean isOlder(GenericKubernetesResource one, GenericKubernetesResource other) {
        return Long.parseUnsignedLong(one.getMetadata().getResourceVersion())
                < Long.parseUnsignedLong(other.getMetadata().getResourceVersion());
    }

    @Override
    public void drop(String namespace, String name) {
        if (remove(registry, KubeObjects.origin(new ResourceRef(kind.group(), kind.name(), namespace, name)))) {
            changes.changed();
        }
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
        List<Finding> before = registry.findings(key);
        for (Finding finding : result.findings()) {
            if (before.contains(finding)) {
                continue; // its status changed, or what is right of it
            }
            switch (finding.severity()) {
                case ERROR -> LOGGER.atError().log("{}", finding);
                case WARNING -> LOGGER.atWarn().log("{}", finding);
                case INFO -> LOGGER.atInfo().log("{}", finding);
            }
        }
        boolean changed = registry.put(key, result.objects(), result.findings());
        if (ofMesh && result.objects().isEmpty()) {
            unread.add(key);
        } else {
            unread.remove(key);
        }
        if (!areSecrets) {
            for (MeshObject read : result.objects()) {
                secrets.names(key, NamedCredentials.of(read.spec()));
            }
        }
        return changed;
    }

    @Override
    @SuppressWarnings("NullAway") // null: there was none, as the interface says
    public @Nullable GenericKubernetesResource remove(String key) {
        GenericKubernetesResource before = names.remove(key);
        unread.remove(key);
        if (remove(registry, key)) {
            changes.changed();
        }
        tell();
        return before;
    }

    /// Forgets all objects, because their kind is gone.
    void clear() {
        List.copyOf(names.keySet()).forEach(this::remove);
    }

    /// Those of the mesh that are ours, as they stand.
    Stream<Standing> standing() {
        return ofMesh
                ? names.entrySet().stream()
                        .filter(entry -> KubeObjects.isOf(revisions.get(), entry.getValue()))
                        .map(entry -> standing(entry.getKey(), entry.getValue()))
                : Stream.empty();
    }

    private Standing standing(String key, GenericKubernetesResource seen) {
        Long generation = seen.getMetadata().getGeneration();
        return new Standing(
                KubeObjects.ref(kind, seen),
                version,
                KubeObjects.plural(kind),
                seen.getMetadata().getResourceVersion(),
                generation == null ? 0 : generation,
                KubeObjects.revision(seen) == null,
                !unread.contains(key),
                KubeObjects.status(seen));
    }

    private GenericKubernetesResource nameOf(GenericKubernetesResource object) {
        var metadata = new ObjectMeta();
        metadata.setName(object.getMetadata().getName());
        metadata.setNamespace(object.getMetadata().getNamespace());
        metadata.setResourceVersion(object.getMetadata().getResourceVersion());
        String named = KubeObjects.revision(object);
        if (named != null) {
            metadata.setLabels(Map.of(KubeObjects.REVISION, named));
        }
        var name = new GenericKubernetesResource();
        name.setMetadata(metadata);
        if (ofMesh) {
            metadata.setGeneration(object.getMetadata().getGeneration());
            Map<String, Object> status = KubeObjects.status(object);
            if (!status.isEmpty()) {
                name.setAdditionalProperty(KubeObjects.STATUS, status);
            }
        }
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
