package dev.mesh.pilot.ca;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.mesh.api.identity.SpiffeId;
import dev.mesh.pilot.model.Caller;
import dev.mesh.pilot.registry.Troubles;
import dev.mesh.pilot.serve.SecretAccess;
import io.fabric8.kubernetes.api.model.authorization.v1.SubjectAccessReviewBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Asks the API server whether a service account may list the Secrets of its namespace (SubjectAccessReview), as Istio
/// does: who may not read them by himself is not given them by the mesh. An answer holds for about a minute; while the
/// API server cannot be asked, the last one does, and it is asked again soon. As long as somebody wants Secrets, his
/// account is asked about by itself ([#look]), and who is concerned hears of an answer that changed. Any thread.
public final class KubernetesSecretAccess implements SecretAccess {
    private static final Logger LOGGER = LoggerFactory.getLogger(KubernetesSecretAccess.class);
    private static final String SUBJECT = "access to Secrets";
    private static final Duration HOLDS = Duration.ofMinutes(1);
    // Beyond its time an answer still holds for whoever cannot wait; [#look] asks meanwhile.
    private static final Duration GRACE = Duration.ofSeconds(30);
    private static final Duration FIRST_RETRY = Duration.ofSeconds(1);
    private static final int MOST_DOUBLINGS = 6;
    private static final int MOST_HELD = 10_000;

    /// Asks the API server.
    @FunctionalInterface
    interface Reviewer {
        /// @param user as Kubernetes calls it: `system:serviceaccount:NAMESPACE:NAME`
        /// @throws KubernetesClientException if it cannot be asked
        boolean mayListSecrets(String user, String namespace);
    }

    private final Reviewer reviewer;
    private final Troubles troubles;
    private final Clock clock;
    private final Supplier<Collection<Caller>> wanted;
    private final Consumer<SpiffeId> onChange;
    private final Cache<SpiffeId, Answer> answers =
            Caffeine.newBuilder().maximumSize(MOST_HELD).build();

    /// @param due when it is asked about again
    /// @param failures since the API server last answered
    private record Answer(boolean allowed, Instant due, int failures) {}

    /// @param wanted who wants Secrets now
    /// @param onChange told of an identity after its answer changed, by whoever asked; must not block
    public KubernetesSecretAccess(
            KubernetesClient client,
            Troubles troubles,
            Clock clock,
            Supplier<Collection<Caller>> wanted,
            Consumer<SpiffeId> onChange) {
        this((user, namespace) -> ask(client, user, namespace), troubles, clock, wanted, onChange);
    }

    KubernetesSecretAccess(
            Reviewer reviewer,
            Troubles troubles,
            Clock clock,
            Supplier<Collection<Caller>> wanted,
            Consumer<SpiffeId> onChange) {
        this.reviewer = reviewer;
        this.troubles = troubles;
        this.clock = clock;
        this.wanted = wanted;
        this.onChange = onChange;
    }

    @Override
    public boolean mayRead(@Nullable Caller caller) {
        if (caller == null) {
            return false;
        }
        Answer known = answers.getIfPresent(caller.identity());
        return known != null && clock.instant().isBefore(known.due.plus(GRACE))
                ? known.allowed
                : review(caller.identity());
    }

    /// Asks anew about everybody who wants Secrets and whose answer is due. To be called every second or two; waits for
    /// the API server.
    public void look() {
        var identities = new LinkedHashSet<SpiffeId>();
        wanted.get().forEach(caller -> identities.add(caller.identity()));
        for (SpiffeId identity : identities) {
            Answer known = answers.getIfPresent(identity);
            if (known == null || !clock.instant().isBefore(known.due)) {
                review(identity);
            }
        }
        if (identities.isEmpty()) {
            troubles.over(SUBJECT); // nobody is concerned any more
        }
    }

    /// The account is gone, or is another one of the same name: it is asked about before it is given anything again.
    public void forget(String namespace, String serviceAccount) {
        for (SpiffeId identity : answers.asMap().keySet()) {
            if (identity.namespace().equals(namespace)
                    && identity.serviceAccount().equals(serviceAccount)) {
                answers.asMap().computeIfPresent(identity, (any, answer) -> new Answer(false, Instant.EPOCH, 0));
            }
        }
    }

    private boolean review(SpiffeId identity) {
        Answer before = answers.getIfPresent(identity);
        Answer now = answer(identity, before);
        Answer replaced = answers.asMap().put(identity, now);
        if (replaced != null && replaced.allowed != now.allowed) {
            LOGGER.atInfo().log(
                    "{} may {} list the Secrets of its namespace", identity, now.allowed ? "now" : "no more");
            onChange.accept(identity);
        }
        return now.allowed;
    }

    private Answer answer(SpiffeId identity, @Nullable Answer before) {
        String user = "system:serviceaccount:" + identity.namespace() + ":" + identity.serviceAccount();
        try {
            boolean allowed = reviewer.mayListSecrets(user, identity.namespace());
            troubles.over(SUBJECT);
            return new Answer(allowed, clock.instant().plus(jittered(HOLDS)), 0);
        } catch (KubernetesClientException e) {
            boolean allowed = before != null && before.allowed;
            int failures = before == null ? 1 : Math.min(before.failures + 1, MOST_DOUBLINGS);
            troubles.tell(
                    SUBJECT,
                    "cannot ask whether proxies may have the Secrets that they name (credentialName), so that what was"
                            + " answered last holds: "
                            + (e.getCode() == 403
                                    ? "not allowed; grant the pilot's service account the verb create on"
                                            + " subjectaccessreviews.authorization.k8s.io"
                                    : "the API server says " + e.getMessage()));
            return new Answer(
                    allowed, clock.instant().plus(jittered(FIRST_RETRY.multipliedBy(1L << (failures - 1)))), failures);
        }
    }

    // A quarter more or less, lest all ask at once.
    private static Duration jittered(Duration duration) {
        long quarter = duration.toMillis() / 4;
        return duration.plusMillis(ThreadLocalRandom.current().nextLong(-quarter, quarter + 1));
    }

    private static boolean ask(KubernetesClient client, String user, String namespace) {
        var answer = client.resource(new SubjectAccessReviewBuilder()
                        .withNewMetadata()
                        .endMetadata()
                        .withNewSpec()
                        .withUser(user)
                        .withGroups(
                                "system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated")
                        .withNewResourceAttributes()
                        .withNamespace(namespace)
                        .withResource("secrets")
                        .withVerb("list")
                        .endResourceAttributes()
                        .endSpec()
                        .build())
                .create();
        return answer.getStatus() != null
                && Boolean.TRUE.equals(answer.getStatus().getAllowed());
    }
}
