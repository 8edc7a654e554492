package dev.mesh.pilot.kube;

import dev.mesh.api.k8s.Secret;
import dev.mesh.api.read.Kinds;
import dev.mesh.pilot.registry.Registry;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceList;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.WatcherException;
import io.fabric8.kubernetes.client.dsl.FilterWatchListDeletable;
import io.fabric8.kubernetes.client.dsl.MixedOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Follows the objects of one kind: lists them, watches them, and lists them anew when the watch cannot go on. Any
/// thread.
final class KindWatch implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(KindWatch.class);
    private static final int FORBIDDEN = 403;
    private static final int NOT_FOUND = 404;
    private static final long PAGE = 500;

    private final Kinds.Kind kind;
    private final RegistryStore store;
    private final MixedOperation<
                    GenericKubernetesResource, GenericKubernetesResourceList, Resource<GenericKubernetesResource>>
            resources;
    private final SharedIndexInformer<GenericKubernetesResource> informer;
    private volatile boolean synced;
    private volatile boolean gone;
    private volatile String trouble = "";

    /// @param onSync called when all has been read, or when it is clear that it cannot be
    KindWatch(
            KubernetesClient client,
            Kinds.Kind kind,
            String version,
            Supplier<Set<String>> revisions,
            Registry registry,
            Changes changes,
            Runnable onSync,
            NamedSecrets secrets) {
        this.kind = kind;
        store = new RegistryStore(kind, version, revisions, registry, changes, secrets);
        var context = new ResourceDefinitionContext.Builder()
                .withGroup(kind.group())
                .withVersion(version)
                .withKind(kind.name())
                .withPlural(KubeObjects.plural(kind))
                .withNamespaced(kind.namespaced())
                .build();
        resources = client.genericKubernetesResources(context);
        informer = scope(kind, resources)
                .withLimit(PAGE)
                .runnableInformer(0)
                .removeNamespaceIndex()
                .itemStore(store)
                .exceptionHandler((started, why) -> {
                    boolean goesOn = failed(why);
                    onSync.run();
                    return goesOn;
                });
        informer.start().whenComplete((done, why) -> {
            if (why == null) {
                synced = true;
                onSync.run();
            }
        });
    }

    // Secrets that are large or many and never for TLS are not even sent (Istio leaves out the same).
    private static FilterWatchListDeletable<
                    GenericKubernetesResource, GenericKubernetesResourceList, Resource<GenericKubernetesResource>>
            scope(
                    Kinds.Kind kind,
                    MixedOperation<
                                    GenericKubernetesResource,
                                    GenericKubernetesResourceList,
                                    Resource<GenericKubernetesResource>>
                            resources) {
        if (!kind.namespaced()) {
            return resources;
        }
        var all = resources.inAnyNamespace();
        return kind.type() == Secret.class
                ? all.withoutField("type", "helm.sh/release.v1")
                        .withoutField("type", "kubernetes.io/service-account-token")
                : all;
    }

    // @return whether to try again
    private boolean failed(Throwable why) {
        int code = code(why);
        if (code == NOT_FOUND) {
            gone = true;
            return false;
        }
        String now = reason(why, resource());
        if (!now.equals(trouble)) {
            LOGGER.atWarn().log("{} cannot be read: {}; {}", resource(), now, "what was read stays");
        }
        trouble = now;
        return true;
    }

    /// Why something cannot be read, in words.
    static String reason(Throwable why, String what) {
        return code(why) == FORBIDDEN
                ? "not allowed: grant the pilot's service account the verbs get, list and watch on " + what
                : String.valueOf(why.getMessage());
    }

    private static int code(Throwable why) {
        for (Throwable at = why; at != null; at = at.getCause()) {
            if (at instanceof KubernetesClientException of && of.getCode() > 0) {
                return of.getCode();
            }
            if (at instanceof WatcherException of && of.asClientException() != null) {
                return of.asClientException().getCode();
            }
        }
        return 0;
    }

    /// Reads what has become the pilot's by a tag, and forgets what is not any more. Asks the API server.
    void revisionsChanged() {
        store.revisioned().forEach((object, ours) -> {
            String namespace = object.getMetadata().getNamespace();
            String name = object.getMetadata().getName();
            if (!ours) {
                store.drop(namespace, name);
                return;
            }
            try {
                GenericKubernetesResource found =
                        resources.inNamespace(namespace).withName(name).get();
                if (found != null) {
                    store.take(found);
                }
            } catch (KubernetesClientException e) {
                LOGGER.atWarn().log("{} {}/{} cannot be read: {}", kind.name(), namespace, name, e.getMessage());
            }
        });
    }

    /// Looks whether trouble is over.
    void look() {
        if (!trouble.isEmpty() && informer.isWatching()) {
            LOGGER.atInfo().log("{} can be read again", resource());
            trouble = "";
        }
    }

    /// The objects of a kind of the mesh that are the pilot's to read.
    Stream<Standing> standing() {
        return store.standing();
    }

    /// What keeps it from following the kind now, as a sentence; empty if nothing does.
    String trouble() {
        return trouble.isEmpty() ? "" : "cannot watch " + resource() + ": " + trouble;
    }

    private String resource() {
        return kind.group().isEmpty() ? KubeObjects.plural(kind) : KubeObjects.plural(kind) + "." + kind.group();
    }

    /// Whether the first list is read, or cannot be for now: no use to wait longer.
    boolean isSettled() {
        return synced || gone || !trouble.isEmpty();
    }

    /// What it waits for; empty if it has read all.
    String waitsFor() {
        if (synced || gone) {
            return "";
        }
        return resource() + (trouble.isEmpty() ? "" : " (" + trouble + ")");
    }

    /// Whether the API server does not know the kind any more.
    boolean isGone() {
        return gone;
    }

    /// Ends it and forgets its objects, for the kind is gone.
    void forget() {
        close();
        store.clear();
    }

    @Override
    public void close() {
        informer.stop();
    }
}
