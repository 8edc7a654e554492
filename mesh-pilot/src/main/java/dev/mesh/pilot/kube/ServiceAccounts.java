package dev.mesh.pilot.kube;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.fabric8.kubernetes.client.informers.cache.ItemStore;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Which service accounts there are: their names and UIDs, and nothing else of them. Any thread.
public final class ServiceAccounts implements ItemStore<ServiceAccount>, AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(ServiceAccounts.class);
    private static final long PAGE = 500;
    private static final Duration ABSENCE_HOLDS = Duration.ofSeconds(5);
    private static final int MOST_ABSENT = 10_000;

    private final KubernetesClient client;
    private final Runnable onSync;
    private final Map<String, ServiceAccount> known = new ConcurrentHashMap<>();
    private final Cache<String, Boolean> absent = Caffeine.newBuilder()
            .maximumSize(MOST_ABSENT)
            .expireAfterWrite(ABSENCE_HOLDS)
            .build();
    private final SharedIndexInformer<ServiceAccount> informer;
    private volatile BiConsumer<String, String> onGone = (namespace, name) -> {};
    private volatile boolean synced;
    private volatile String trouble = "";

    /// @param onSync called when all were read, or when it is clear that they cannot be
    ServiceAccounts(KubernetesClient client, Runnable onSync) {
        this.client = client;
        this.onSync = onSync;
        informer = client.serviceAccounts()
                .inAnyNamespace()
                .withLimit(PAGE)
                .runnableInformer(0)
                .removeNamespaceIndex()
                .itemStore(this)
                .exceptionHandler((started, why) -> {
                    failed(why);
                    return true;
                });
    }

    void start() {
        informer.start().whenComplete((done, why) -> {
            if (why == null) {
                synced = true;
                trouble = "";
                onSync.run();
            }
        });
    }

    /// @param to told of the namespace and name of an account that is gone, or in whose place another has come; on the
    ///     informer's thread, must not block
    public void onGone(BiConsumer<String, String> to) {
        onGone = to;
    }

    /// Whether there is such an account. One that the watch has not told of is asked for; while accounts cannot be
    /// watched, or may not be asked for, every one is believed to be there.
    ///
    /// @throws KubernetesClientException if the API server cannot be asked
    public boolean exists(String namespace, String name) {
        String key = namespace + "/" + name;
        if (!synced || !trouble.isEmpty() || known.containsKey(key)) {
            return true;
        }
        if (absent.getIfPresent(key) != null) {
            return false;
        }
        try {
            if (client.serviceAccounts().inNamespace(namespace).withName(name).get() != null) {
                return true;
            }
        } catch (KubernetesClientException e) {
            if (e.getCode() != HttpURLConnection.HTTP_FORBIDDEN) {
                throw e;
            }
            // The right is lost, and the watch, which goes on until it is opened anew, has not said so yet.
            return true;
        }
        absent.put(key, true);
        return false;
    }

    private void failed(Throwable why) {
        String now = KindWatch.reason(why, "serviceaccounts");
        if (!now.equals(trouble)) {
            LOGGER.atWarn()
                    .log(
                            "serviceaccounts cannot be read: {}; proxies of deleted ones stay connected up to 30 min",
                            now);
        }
        trouble = now;
        onSync.run();
    }

    /// Looks whether trouble is over.
    void look() {
        if (!trouble.isEmpty() && informer.isWatching()) {
            LOGGER.atInfo().log("serviceaccounts can be read again");
            trouble = "";
        }
    }

    /// Whether they were read, or cannot be for now.
    boolean isSettled() {
        return synced || !trouble.isEmpty();
    }

    /// Why they cannot be followed now, as a sentence; empty if they can.
    String trouble() {
        return trouble.isEmpty() ? "" : "cannot watch serviceaccounts: " + trouble;
    }

    private void gone(ServiceAccount before) {
        onGone.accept(before.getMetadata().getNamespace(), before.getMetadata().getName());
    }

    @Override
    public String getKey(ServiceAccount account) {
        return account.getMetadata().getNamespace() + "/"
                + account.getMetadata().getName();
    }

    @Override
    @SuppressWarnings("NullAway") // null: there was none, as the interface says
    public @Nullable ServiceAccount put(String key, ServiceAccount account) {
        var metadata = new ObjectMeta();
        metadata.setNamespace(account.getMetadata().getNamespace());
        metadata.setName(account.getMetadata().getName());
        metadata.setUid(account.getMetadata().getUid());
        metadata.setResourceVersion(account.getMetadata().getResourceVersion());
        var kept = new ServiceAccount();
        kept.setMetadata(metadata);
        absent.invalidate(key);
        ServiceAccount before = known.put(key, kept);
        if (before != null && !before.getMetadata().getUid().equals(metadata.getUid())) {
            gone(before);
        }
        return before;
    }

    @Override
    @SuppressWarnings("NullAway") // null: there was none, as the interface says
    public @Nullable ServiceAccount remove(String key) {
        ServiceAccount before = known.remove(key);
        if (before != null) {
            gone(before);
        }
        return before;
    }

    @Override
    public Stream<String> keySet() {
        return known.keySet().stream();
    }

    @Override
    public Stream<ServiceAccount> values() {
        return known.values().stream();
    }

    @Override
    public int size() {
        return known.size();
    }

    @Override
    @SuppressWarnings("NullAway") // null: there is none, as the interface says
    public @Nullable ServiceAccount get(String key) {
        return known.get(key);
    }

    @Override
    public boolean isFullState() {
        return false;
    }

    @Override
    public void close() {
        informer.stop();
    }
}
