package dev.mesh.pilot.kube;

import dev.mesh.api.read.Kinds;
import dev.mesh.pilot.kubeconfig.KubernetesClients;
import dev.mesh.pilot.registry.Registry;
import dev.mesh.pilot.registry.Source;
import io.fabric8.kubernetes.api.model.APIGroup;
import io.fabric8.kubernetes.api.model.APIResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Reads a cluster into the registry and follows it. Kinds of the mesh that the API server does not know yet are looked
/// for now and then. An API server that cannot be reached is waited for; what was read stays.
public final class KubeSource implements Source {
    private static final Logger LOGGER = LoggerFactory.getLogger(KubeSource.class);
    private static final Duration LOOK = Duration.ofSeconds(2);

    private final KubernetesClient client;
    private final MeshConfigWatch meshConfig;
    private final NamedSecrets secrets;
    private final ServiceAccounts accounts;
    private final RevisionTags tags;
    private final Registry registry;
    private final Changes changes;
    private final Map<Kinds.Kind, KindWatch> watches = new LinkedHashMap<>();
    private final Object lock = new Object();
    // For whoever asks while the API server lets a look wait.
    private volatile List<KindWatch> watching = List.of();
    private volatile Runnable onSeen = () -> {};
    private volatile String unreachable = "the API server";
    private volatile boolean told;
    private boolean closed;

    /// @param onChange called after objects changed, on any thread
    /// @throws IOException if the kubeconfig cannot be used, or there is none and this is no pod
    public KubeSource(KubeOptions options, Registry registry, Runnable onChange) throws IOException {
        this.registry = registry;
        changes = new Changes() {
            @Override
            public void changed() {
                onChange.run();
            }

            @Override
            public void seen() {
                onSeen.run();
            }
        };
        client = KubernetesClients.of(options.kubeconfig());
        tags = new RevisionTags(client, options.revision(), this::revisionsChanged, this::settled);
        secrets = new NamedSecrets(this::secret, this::settled);
        accounts = new ServiceAccounts(client, this::settled);
        meshConfig = new MeshConfigWatch(client, options, registry, onChange, this::settled);
    }

    /// @param to called after something was seen of an object of the mesh, its status included; on any thread, must not
    ///     block
    public void onSeen(Runnable to) {
        onSeen = to;
    }

    /// Which service accounts there are.
    public ServiceAccounts accounts() {
        return accounts;
    }

    /// The objects of the mesh that are this pilot's to read, as they stand in the API server.
    public List<Standing> standing() {
        return watching.stream().flatMap(KindWatch::standing).toList();
    }

    /// Waits for the API server and reads all that it may; returns when there is nothing more to come for now.
    @Override
    public void read() {
        synchronized (lock) {
            meshConfig.start();
            tags.start();
            accounts.start();
            long lastLook = 0;
            while (!closed) {
                if (tags.isSettled() && (lastLook == 0 || System.nanoTime() - lastLook > LOOK.toNanos())) {
                    look();
                    lastLook = System.nanoTime();
                }
                if (unreachable.isEmpty()
                        && meshConfig.isSettled()
                        && watches.values().stream().allMatch(KindWatch::isSettled)
                        && tags.isSettled()
                        && accounts.isSettled()
                        && secrets.isSettled()) {
                    return;
                }
                pause(LOOK.toMillis());
            }
        }
    }

    // One that is made meanwhile reads by the new names, or is among those that are asked.
    private void revisionsChanged() {
        Thread.ofVirtual().name("revisions").start(() -> {
            List<KindWatch> all;
            synchronized (lock) {
                all = List.copyOf(watches.values());
            }
            all.forEach(KindWatch::revisionsChanged);
        });
    }

    private @Nullable GenericKubernetesResource secret(String namespace, String name) {
        return client.genericKubernetesResources("v1", "Secret")
                .inNamespace(namespace)
                .withName(name)
                .get();
    }

    @Override
    public void start() {
        Thread.ofPlatform().name("kube").daemon(true).start(() -> {
            synchronized (lock) {
                while (!closed) {
                    pause(LOOK.toMillis());
                    if (!closed) {
                        look();
                    }
                }
            }
        });
    }

    // With the lock, which others may have meanwhile.
    @SuppressWarnings("WaitNotInLoop") // whoever calls it does so in a loop, and may be woken for nothing
    private void pause(long millis) {
        try {
            lock.wait(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            closed = true;
        }
    }

    private void settled() {
        Thread.ofVirtual().start(() -> {
            synchronized (lock) {
                lock.notifyAll();
            }
        });
    }

    // Which kinds the API server knows, and how their watches fare.
    private void look() {
        try {
            Map<Kinds.Kind, String> served = served();
            for (var entry : List.copyOf(watches.entrySet())) {
                if (entry.getValue().isGone() || !served.containsKey(entry.getKey())) {
                    LOGGER.atInfo().addKeyValue("kind", entry.getKey().name()).log("not installed any more");
                    watches.remove(entry.getKey());
                    entry.getValue().forget();
                } else {
                    entry.getValue().look();
                }
            }
            served.forEach((kind, version) -> watches.computeIfAbsent(
                    kind,
                    any -> new KindWatch(
                            client, kind, version, tags::names, registry, changes, this::settled, secrets)));
            watching = List.copyOf(watches.values());
            accounts.look();
            if (!unreachable.isEmpty() && told) {
                LOGGER.atInfo().log("the API server can be reached again");
            }
            told = false;
            unreachable = "";
        } catch (KubernetesClientException e) {
            if (!told) {
                LOGGER.atError()
                        .log(
                                "the API server {} cannot be reached: {}; what was read stays",
                                client.getMasterUrl(),
                                why(e));
            }
            told = true;
            unreachable = "the API server " + client.getMasterUrl() + " (" + why(e) + ")";
        } catch (RuntimeException e) {
            LOGGER.atError().setCause(e).log("error of the pilot; what was read stays");
        }
    }

    private static String why(Throwable error) {
        Throwable cause = error;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
    }

    // The best version of each kind that both sides know.
    private Map<Kinds.Kind, String> served() {
        var groups = new HashMap<String, Set<String>>();
        for (APIGroup group : client.getApiGroups().getGroups()) {
            groups.put(
                    group.getName(),
                    group.getVersions().stream().map(of -> of.getVersion()).collect(Collectors.toSet()));
        }
        var resources = new HashMap<String, Set<String>>();
        var served = new LinkedHashMap<Kinds.Kind, String>();
        for (Kinds.Kind kind : Kinds.ALL) {
            if (!KubeObjects.isMesh(kind)) {
                served.put(kind, kind.versions().getFirst());
                continue;
            }
            version(kind, groups.getOrDefault(kind.group(), Set.of()), resources)
                    .ifPresent(version -> served.put(kind, version));
        }
        return served;
    }

    private Optional<String> version(Kinds.Kind kind, Set<String> versions, Map<String, Set<String>> resources) {
        return kind.versions().stream()
                .filter(versions::contains)
                .filter(version -> resources
                        .computeIfAbsent(kind.group() + "/" + version, this::resources)
                        .contains(KubeObjects.plural(kind)))
                .findFirst();
    }

    private Set<String> resources(String groupVersion) {
        var list = client.getApiResources(groupVersion);
        return list == null
                ? Set.of()
                : list.getResources().stream().map(APIResource::getName).collect(Collectors.toCollection(TreeSet::new));
    }

    @Override
    public String waitsFor() {
        if (watching.isEmpty()) {
            return unreachable;
        }
        var waits = new ArrayList<String>();
        if (!meshConfig.waitsFor().isEmpty()) {
            waits.add(meshConfig.waitsFor());
        }
        for (KindWatch watch : watching) {
            if (!watch.waitsFor().isEmpty()) {
                waits.add(watch.waitsFor());
            }
        }
        return String.join(", ", waits);
    }

    @Override
    public List<String> troubles() {
        var all = new ArrayList<String>();
        if (told) {
            all.add("cannot reach " + unreachable + "; what was read stays");
        }
        Stream.concat(
                        Stream.of(meshConfig.trouble(), tags.trouble(), accounts.trouble()),
                        watching.stream().map(KindWatch::trouble))
                .filter(trouble -> !trouble.isEmpty())
                .forEach(all::add);
        return all;
    }

    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
            lock.notifyAll();
            watches.values().forEach(KindWatch::close);
            meshConfig.close();
            secrets.close();
            tags.close();
            accounts.close();
        }
        client.close();
    }
}
