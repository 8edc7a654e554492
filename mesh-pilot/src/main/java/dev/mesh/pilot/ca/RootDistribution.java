package dev.mesh.pilot.ca;

import dev.mesh.pilot.registry.Troubles;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.net.HttpURLConnection;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps the mesh's roots in the ConfigMap `istio-ca-root-cert` of every namespace, as Istio does: proxies verify the
/// pilot by it. What somebody makes of ours is put right; one that another control plane keeps is left to it, and said.
/// Every replica does it, all with the same bytes.
public final class RootDistribution implements AutoCloseable {
    /// Name of the ConfigMap.
    public static final String NAME = "istio-ca-root-cert";
    /// Its only key.
    public static final String KEY = "root-cert.pem";

    private static final Logger LOGGER = LoggerFactory.getLogger(RootDistribution.class);
    // No proxies live there (Istio, inject.IgnoredNamespaces).
    private static final Set<String> LEFT_OUT =
            Set.of("kube-system", "kube-public", "kube-node-lease", "local-path-storage");
    private static final String MANAGED_BY = "app.kubernetes.io/managed-by";
    private static final String US = "mesh-pilot";
    private static final int AGAIN_SECONDS = 5;

    private final KubernetesClient client;
    private final Supplier<String> roots;
    private final Predicate<Map<String, String>> discovers;
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("root-distribution").daemon(true).factory());
    private final Troubles troubles;
    private volatile @Nullable SharedIndexInformer<Namespace> namespaces;
    private volatile @Nullable SharedIndexInformer<ConfigMap> maps;

    /// @param roots PEM, as of now
    /// @param discovers whether the mesh discovers a namespace of these labels, as of now; others are left alone
    public RootDistribution(
            KubernetesClient client,
            Supplier<String> roots,
            Predicate<Map<String, String>> discovers,
            Troubles troubles) {
        this.troubles = troubles;
        this.client = client;
        this.roots = roots;
        this.discovers = discovers;
    }

    /// Begins to write and to follow.
    ///
    /// @throws KubernetesClientException if namespaces or ConfigMaps cannot be listed
    public void start() {
        maps = client.configMaps()
                .inAnyNamespace()
                .withField("metadata.name", NAME)
                .inform(new Handler<>() {
                    @Override
                    void seen(ConfigMap map) {
                        look(map.getMetadata().getNamespace());
                    }
                });
        namespaces = client.namespaces().inform(new Handler<>() {
            @Override
            void seen(Namespace namespace) {
                look(namespace.getMetadata().getName());
            }
        });
        changed(); // what was seen before both could be asked
    }

    /// Writes everywhere anew, after the roots changed or what the mesh discovers did.
    public void changed() {
        if (namespaces != null) {
            namespaces
                    .getStore()
                    .list()
                    .forEach(namespace -> look(namespace.getMetadata().getName()));
        }
    }

    private void look(String namespace) {
        if (!LEFT_OUT.contains(namespace)) {
            try {
                thread.execute(() -> reconcile(namespace));
            } catch (RejectedExecutionException e) {
                LOGGER.atTrace().log("closed");
            }
        }
    }

    private void reconcile(String name) {
        try {
            var known = namespaces;
            var written = maps;
            Namespace namespace = known == null ? null : known.getStore().getByKey(name);
            if (written == null
                    || namespace == null
                    || (namespace.getStatus() != null
                            && "Terminating".equals(namespace.getStatus().getPhase()))) {
                troubles.over(subject(name));
                return;
            }
            Map<String, String> labels = namespace.getMetadata().getLabels();
            if (!discovers.test(labels == null ? Map.of() : labels)) {
                troubles.over(subject(name));
                return; // what was written there stays: its proxies may still run
            }
            ConfigMap found = written.getStore().getByKey(name + "/" + NAME);
            Map<String, String> data = Map.of(KEY, roots.get());
            if (found == null) {
                create(name, data);
            } else if (!Objects.equals(found.getData(), data)) {
                if (!isOurs(found)) {
                    tell(
                            name,
                            "ConfigMap " + NAME + " is another control plane's (no label " + MANAGED_BY + ": " + US
                                    + "), and holds another root: proxies of this mesh do not start there until it is deleted");
                    return;
                }
                client.resource(new ConfigMapBuilder(found).withData(data).build())
                        .update();
            }
            troubles.over(subject(name));
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
                return; // somebody wrote it: the watch tells what
            }
            String what = e.getCode() == HttpURLConnection.HTTP_FORBIDDEN
                    ? "the pilot's service account may not create and update configmaps in " + name
                            + " (look at its ClusterRole), or the namespace is going: " + e.getMessage()
                    : String.valueOf(e.getMessage());
            tell(name, NAME + " cannot be written: " + what);
            again(name);
        } catch (RuntimeException e) {
            LOGGER.atError().setCause(e).addKeyValue("namespace", name).log("error of the pilot");
        }
    }

    private static boolean isOurs(ConfigMap map) {
        Map<String, String> labels = map.getMetadata().getLabels();
        return labels != null && US.equals(labels.get(MANAGED_BY));
    }

    private void tell(String namespace, String what) {
        troubles.tell(subject(namespace), "namespace " + namespace + ": " + what);
    }

    private static String subject(String namespace) {
        return "root in namespace " + namespace;
    }

    private void again(String name) {
        if (!thread.isShutdown()) {
            thread.schedule(() -> reconcile(name), AGAIN_SECONDS, TimeUnit.SECONDS);
        }
    }

    private void create(String namespace, Map<String, String> data) {
        client.resource(new ConfigMapBuilder()
                        .withNewMetadata()
                        .withName(NAME)
                        .withNamespace(namespace)
                        .withLabels(Map.of("istio.io/config", "true", MANAGED_BY, US))
                        .endMetadata()
                        .withData(data)
                        .build())
                .create();
    }

    private abstract static class Handler<T> implements ResourceEventHandler<T> {
        abstract void seen(T object);

        @Override
        public void onAdd(T object) {
            seen(object);
        }

        @Override
        public void onUpdate(T old, T object) {
            seen(object);
        }

        @Override
        public void onDelete(T object, boolean unknown) {
            seen(object);
        }
    }

    @Override
    public void close() {
        close(namespaces);
        close(maps);
        thread.shutdownNow();
    }

    private static void close(@Nullable SharedIndexInformer<?> informer) {
        if (informer != null) {
            informer.close();
        }
    }
}
