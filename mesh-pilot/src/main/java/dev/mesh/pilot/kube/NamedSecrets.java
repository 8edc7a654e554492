package dev.mesh.pilot.kube;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Which Secrets are looked at: those that a Gateway or a DestinationRule names. Of all others nothing is kept but that
/// they are there. One that is named later is asked for then. Any thread.
final class NamedSecrets implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(NamedSecrets.class);

    /// Where Secrets are kept.
    interface Store {
        /// Names of all Secrets of the cluster, as far as they were seen: `namespace/name`.
        Set<String> seen();

        /// Reads one that was seen before, and which is named now.
        ///
        /// @param found as it is now
        void take(GenericKubernetesResource found);

        /// Forgets what it holds of one that nobody names any more.
        void drop(String namespace, String name);
    }

    /// Asks the API server for one.
    interface Fetch {
        /// @return null if it is gone
        /// @throws KubernetesClientException if it cannot be had
        @Nullable
        GenericKubernetesResource get(String namespace, String name);
    }

    private final Fetch fetch;
    private final Runnable onSettled;
    private final ExecutorService thread =
            Executors.newSingleThreadExecutor(Thread.ofVirtual().name("secrets").factory());
    private final AtomicInteger waiting = new AtomicInteger();
    // By the object that names them.
    private final Map<String, Set<String>> byObject = new HashMap<>();
    private final Map<String, Integer> counts = new ConcurrentHashMap<>();
    private volatile @Nullable Store store;

    /// @param onSettled called when what was asked for has come
    NamedSecrets(Fetch fetch, Runnable onSettled) {
        this.fetch = fetch;
        this.onSettled = onSettled;
    }

    void store(Store to) {
        store = to;
    }

    /// Whether something names a Secret of this name, in whatever namespace.
    boolean wants(String name) {
        return counts.containsKey(name);
    }

    /// Whether nothing is being asked for.
    boolean isSettled() {
        return waiting.get() == 0;
    }

    /// What an object names now.
    ///
    /// @param key of the object
    /// @param names empty: none, or it is gone
    void names(String key, Set<String> names) {
        var come = new HashSet<String>();
        var gone = new HashSet<String>();
        synchronized (this) {
            Set<String> before = names.isEmpty() ? byObject.remove(key) : byObject.put(key, Set.copyOf(names));
            for (String name : names) {
                if ((before == null || !before.contains(name)) && counts.merge(name, 1, Integer::sum) == 1) {
                    come.add(name);
                }
            }
            for (String name : before == null ? Set.<String>of() : before) {
                if (!names.contains(name) && counts.computeIfPresent(name, (any, n) -> n == 1 ? null : n - 1) == null) {
                    gone.add(name);
                }
            }
        }
        if (!come.isEmpty() || !gone.isEmpty()) {
            waiting.incrementAndGet();
            try {
                thread.execute(() -> {
                    try {
                        follow(come, gone);
                    } finally {
                        waiting.decrementAndGet();
                        onSettled.run();
                    }
                });
            } catch (RejectedExecutionException e) {
                LOGGER.atTrace().log("closed");
            }
        }
    }

    private void follow(Set<String> come, Set<String> gone) {
        Store to = store;
        if (to == null) {
            return;
        }
        for (String seen : to.seen()) {
            int slash = seen.indexOf('/');
            String namespace = seen.substring(0, slash);
            String name = seen.substring(slash + 1);
            if (come.contains(name) && wants(name)) {
                fetch(to, namespace, name);
            } else if (gone.contains(name) && !wants(name)) {
                to.drop(namespace, name);
            }
        }
    }

    private void fetch(Store to, String namespace, String name) {
        try {
            GenericKubernetesResource found = fetch.get(namespace, name);
            if (found != null) {
                to.take(found);
            }
        } catch (KubernetesClientException e) {
            LOGGER.atWarn()
                    .log(
                            "Secret {}/{} cannot be read: {}; it is read when it changes, or is named anew",
                            namespace,
                            name,
                            KindWatch.reason(e, "secrets"));
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
