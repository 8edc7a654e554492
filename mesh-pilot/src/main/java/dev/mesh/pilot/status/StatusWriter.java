package dev.mesh.pilot.status;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.pilot.kube.Standing;
import dev.mesh.pilot.registry.Troubles;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Writes what was found about an object on the object. By the leader alone; only where it differs from what stands
/// there; a second after the news at the earliest, and not more than [#MOST_AT_ONCE] a second.
public final class StatusWriter implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(StatusWriter.class);

    /// Writes a second.
    static final int MOST_AT_ONCE = 20;

    private static final int FORBIDDEN = 403;
    private static final int NOT_FOUND = 404;
    private static final int CONFLICT = 409;
    private static final long PAUSE_MILLIS = 1000;
    private static final Duration ALLOWED_YET = Duration.ofSeconds(10);

    /// What is known of the mesh now; any thread.
    public interface Sight {
        /// Whether everything was read that there is: half of a mesh looks wrong where it is not.
        boolean isComplete();

        /// The objects on which something may be written.
        Collection<Standing> standing();

        /// What was found about them, and others.
        List<Finding> findings();
    }

    private final KubernetesClient client;
    private final Sight sight;
    private final Troubles troubles;
    private final Clock clock;
    private final Leader leader;
    private final AtomicBoolean due = new AtomicBoolean();
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("status").daemon(true).factory());
    // By the thread alone.
    private final Attempts attempts = new Attempts();
    private final Map<String, Instant> forbidden = new HashMap<>();

    /// @param namespace of the pilot, where the Lease is
    /// @param identity of this replica, such as its pod's name
    public StatusWriter(
            KubernetesClient client,
            String namespace,
            String revision,
            String identity,
            Sight sight,
            Troubles troubles,
            Clock clock) {
        this.client = client;
        this.sight = sight;
        this.troubles = troubles;
        this.clock = clock;
        leader = new Leader(client, namespace, revision, identity, troubles, clock, this::changed);
    }

    public void start() {
        leader.start();
    }

    /// There may be news. Never blocks; any thread.
    public void changed() {
        if (leader.leads() && due.compareAndSet(false, true)) {
            try {
                thread.schedule(this::pass, PAUSE_MILLIS, TimeUnit.MILLISECONDS);
            } catch (RejectedExecutionException e) {
                LOGGER.atTrace().log("closed");
            }
        }
    }

    private void pass() {
        due.set(false);
        try {
            if (leader.leads() && sight.isComplete() && write()) {
                changed();
            }
        } catch (RuntimeException e) {
            LOGGER.atError().setCause(e).log("error of the pilot; the status of objects stays as it is");
        }
    }

    // @return whether more is to be written
    private boolean write() {
        Map<ResourceRef, List<Finding>> findings = sight.findings().stream()
                .filter(finding -> finding.about() != null)
                .collect(Collectors.groupingBy(finding -> java.util.Objects.requireNonNull(finding.about())));
        boolean forAll = leader.speaksForAll();
        Instant now = clock.instant();
        var there = new HashSet<ResourceRef>();
        int writes = 0;
        boolean more = false;
        for (Standing standing : sight.standing()) {
            there.add(standing.ref());
            if (standing.forAll() && !forAll) {
                continue;
            }
            var found = findings.getOrDefault(standing.ref(), List.of());
            var patch = Conditions.patch(found, standing.inUse(), standing.generation(), standing.status(), now);
            if (patch.isEmpty()) {
                attempts.forget(standing.ref());
            } else if (mayWrite(standing, now)
                    && attempts.isDue(standing.ref(), standing.resourceVersion(), found, now)) {
                if (writes == MOST_AT_ONCE || !leader.leads()) {
                    more = true;
                    break;
                }
                writes++;
                attempts.begin(standing.ref(), standing.resourceVersion(), found, now);
                write(standing, patch, now);
            }
        }
        if (!more) {
            attempts.retain(there);
        }
        return more;
    }

    private boolean mayWrite(Standing standing, Instant now) {
        Instant allowed = forbidden.get(kind(standing));
        return allowed == null || !now.isBefore(allowed);
    }

    private static String kind(Standing standing) {
        return standing.plural() + "." + standing.ref().group();
    }

    private void write(Standing standing, Map<String, @Nullable Object> patch, Instant now) {
        ResourceRef ref = standing.ref();
        String subject = "status of " + kind(standing);
        var body = new LinkedHashMap<String, Object>();
        // Only upon what was looked at: who wrote meanwhile is not overwritten.
        body.put("metadata", Map.of("resourceVersion", standing.resourceVersion()));
        body.put("status", patch);
        try {
            var written = client.genericKubernetesResources(new ResourceDefinitionContext.Builder()
                            .withGroup(ref.group())
                            .withVersion(standing.version())
                            .withKind(ref.kind())
                            .withPlural(standing.plural())
                            .withNamespaced(true)
                            .build())
                    .inNamespace(ref.namespace())
                    .withName(ref.name())
                    .subresource("status")
                    .patch(PatchContext.of(PatchType.JSON_MERGE), Serialization.asJson(body));
            attempts.taken(ref, written.getMetadata().getResourceVersion());
            forbidden.remove(kind(standing));
            troubles.over(subject);
        } catch (KubernetesClientException e) {
            switch (e.getCode()) {
                case FORBIDDEN -> {
                    attempts.forget(ref);
                    forbidden.put(kind(standing), now.plus(ALLOWED_YET));
                    troubles.tell(
                            subject,
                            "cannot write what is found about " + kind(standing) + " on the objects: not allowed; grant"
                                    + " the pilot's service account the verb patch on " + standing.plural()
                                    + "/status in " + ref.group());
                }
                // Gone, or changed: the watch tells what there is now.
                case NOT_FOUND, CONFLICT -> LOGGER.atDebug().log("{}: {}", ref, e.getMessage());
                default -> troubles.tell(subject, "cannot write what is found about " + ref + ": " + e.getMessage());
            }
        }
    }

    @Override
    public void close() {
        leader.close();
        thread.shutdownNow();
    }
}
