package dev.mesh.pilot.status;

import dev.mesh.pilot.registry.Troubles;
import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderCallbacks;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElectionConfigBuilder;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElector;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaseLock;
import java.time.Clock;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Which of a revision's pilots writes: the one that holds the Lease `mesh-pilot-leader` (`-<revision>`) of their
/// namespace. Any thread.
final class Leader implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(Leader.class);
    private static final String PREFIX = "mesh-pilot-leader";
    private static final String SUBJECT = "leader election";
    // As Kubernetes' own controllers.
    private static final Duration LEASE = Duration.ofSeconds(15);
    private static final Duration RENEW = Duration.ofSeconds(10);
    private static final Duration RETRY = Duration.ofSeconds(2);
    private static final long LOOK_SECONDS = 10;

    private final KubernetesClient client;
    private final String namespace;
    private final String name;
    private final String identity;
    private final Troubles troubles;
    private final Clock clock;
    private final Runnable onLead;
    private final ExecutorService calls = Executors.newVirtualThreadPerTaskExecutor();
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
            Thread.ofVirtual().name("leader").factory());
    private volatile boolean leads;
    private volatile boolean known;
    private volatile boolean forAll;
    private volatile boolean closed;
    private volatile @Nullable CompletableFuture<?> election;

    /// @param identity of this replica, such as its pod's name
    /// @param onLead called when it has become the leader
    Leader(
            KubernetesClient client,
            String namespace,
            String revision,
            String identity,
            Troubles troubles,
            Clock clock,
            Runnable onLead) {
        this.client = client;
        this.namespace = namespace;
        name = revision.equals("default") ? PREFIX : PREFIX + "-" + revision;
        this.identity = identity;
        this.troubles = troubles;
        this.clock = clock;
        this.onLead = onLead;
    }

    void start() {
        run();
        timer.scheduleWithFixedDelay(this::look, LOOK_SECONDS, LOOK_SECONDS, TimeUnit.SECONDS);
    }

    /// Whether this replica writes now.
    boolean leads() {
        return leads;
    }

    /// Whether it also writes on objects that pilots of all revisions read: among leaders of several revisions, the
    /// first by the name of the Lease does, which is that of revision `default` where there is one.
    boolean speaksForAll() {
        return leads && forAll;
    }

    private void run() {
        if (closed) {
            return;
        }
        var lock = new LeaseLock(namespace, name, identity);
        CompletableFuture<?> running = new LeaderElector(
                        client,
                        new LeaderElectionConfigBuilder()
                                .withName(name)
                                .withLock(lock)
                                .withLeaseDuration(LEASE)
                                .withRenewDeadline(RENEW)
                                .withRetryPeriod(RETRY)
                                .withReleaseOnCancel()
                                .withLeaderCallbacks(new LeaderCallbacks(this::begin, this::stop, leader -> {
                                    known = !leader.isEmpty();
                                    if (known) {
                                        troubles.over(SUBJECT);
                                    }
                                }))
                                .build(),
                        calls)
                .start();
        election = running;
        running.whenComplete((any, why) -> {
            leads = false;
            if (!closed) {
                try {
                    timer.schedule(this::run, RETRY.toMillis(), TimeUnit.MILLISECONDS);
                } catch (RejectedExecutionException e) {
                    LOGGER.atTrace().log("closed");
                }
            }
        });
    }

    private void begin() {
        leads = true;
        calls.execute(this::look);
    }

    private void stop() {
        if (leads) {
            LOGGER.atInfo().addKeyValue("lease", name).log("another pilot writes the status of objects now");
        }
        leads = false;
    }

    // Why there is no leader, which the elector tells nobody; and for whom this one writes.
    private void look() {
        try {
            if (leads) {
                boolean first = name.equals(PREFIX)
                        || client.leases().inNamespace(namespace).list().getItems().stream()
                                .filter(lease -> lease.getMetadata().getName().startsWith(PREFIX))
                                .filter(this::isHeld)
                                .noneMatch(
                                        lease -> lease.getMetadata().getName().compareTo(name) < 0);
                boolean news = first != forAll;
                forAll = first;
                if (news) {
                    LOGGER.atInfo()
                            .addKeyValue("lease", name)
                            .addKeyValue("forAllRevisions", first)
                            .log("writes the status of objects");
                }
                onLead.run();
            } else if (!known) {
                client.leases().inNamespace(namespace).withName(name).get();
                troubles.tell(
                        SUBJECT,
                        "cannot hold the Lease " + namespace + "/" + name
                                + ", so no status is written on objects; grant"
                                + " the pilot's service account the verbs get, list, create and update on leases in"
                                + " namespace " + namespace);
            }
        } catch (KubernetesClientException e) {
            troubles.tell(
                    SUBJECT,
                    "cannot read the Lease " + namespace + "/" + name + ", so no status is written on objects: "
                            + (e.getCode() == 403
                                    ? "not allowed; grant the pilot's service account the verbs get, list, create and"
                                            + " update on leases in namespace " + namespace
                                    : e.getMessage()));
        }
    }

    private boolean isHeld(Lease lease) {
        var spec = lease.getSpec();
        String holder = spec == null ? null : spec.getHolderIdentity();
        ZonedDateTime renewed = spec == null ? null : spec.getRenewTime();
        Integer seconds = spec == null ? null : spec.getLeaseDurationSeconds();
        return holder != null
                && !holder.isEmpty()
                && renewed != null
                && seconds != null
                && renewed.toInstant().plusSeconds(seconds).isAfter(clock.instant());
    }

    /// Gives the Lease back if it holds it.
    @Override
    public void close() {
        closed = true;
        CompletableFuture<?> running = election;
        if (running != null) {
            running.cancel(true);
        }
        timer.shutdownNow();
        calls.shutdown();
        try {
            // An API server that does not answer is not waited for: the Lease runs out by itself.
            if (!calls.awaitTermination(RETRY.toMillis(), TimeUnit.MILLISECONDS)) {
                calls.shutdownNow();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
