package dev.mesh.pilot.ca;

import dev.mesh.pilot.registry.Troubles;
import io.fabric8.kubernetes.api.model.authorization.v1.SelfSubjectAccessReviewBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Whether the pilot may have tokens judged, without which no pod gets its first certificate. Asked again and again
/// until
/// it may; a right that is taken away later shows in each refusal. Thread-safe.
public final class TokenReviewRight implements AutoCloseable {
    /// Said while it may not.
    public static final String MISSING = "the pilot's service account may not create"
            + " tokenreviews.authentication.k8s.io (look at its ClusterRole): no pod gets its first certificate";

    private static final Logger LOGGER = LoggerFactory.getLogger(TokenReviewRight.class);
    private static final String SUBJECT = "the right to judge tokens";
    private static final int AGAIN_SECONDS = 5;

    private final KubernetesClient client;
    private final Troubles troubles;
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("token-review-right").daemon(true).factory());
    private volatile boolean missing;

    /// @param troubles told while the right is missing
    public TokenReviewRight(KubernetesClient client, Troubles troubles) {
        this.client = client;
        this.troubles = troubles;
    }

    /// Asks once, and goes on asking on a thread of its own if the answer is no.
    public void look() {
        missing = !isGiven();
        if (missing) {
            troubles.tell(SUBJECT, MISSING);
            try {
                thread.schedule(this::look, AGAIN_SECONDS, TimeUnit.SECONDS);
            } catch (RejectedExecutionException e) {
                LOGGER.atTrace().log("closed");
            }
        } else {
            troubles.over(SUBJECT);
        }
    }

    // Whoever cannot be asked has not said no.
    private boolean isGiven() {
        try {
            var answer = client.resource(new SelfSubjectAccessReviewBuilder()
                            .withNewSpec()
                            .withNewResourceAttributes()
                            .withGroup("authentication.k8s.io")
                            .withResource("tokenreviews")
                            .withVerb("create")
                            .endResourceAttributes()
                            .endSpec()
                            .build())
                    .create();
            return answer.getStatus() == null
                    || Boolean.TRUE.equals(answer.getStatus().getAllowed());
        } catch (KubernetesClientException e) {
            LOGGER.atWarn().log("whether tokens may be judged cannot be asked: {}", e.getMessage());
            return true;
        }
    }

    /// A sentence while the right is missing; empty if it is there.
    public String waitsFor() {
        return missing ? MISSING : "";
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
