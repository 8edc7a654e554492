package dev.mesh.pilot.ca;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.mesh.pilot.model.Caller;
import dev.mesh.pilot.serve.SecretAccess;
import io.fabric8.kubernetes.api.model.authorization.v1.SubjectAccessReviewBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Asks the API server whether a service account may list the Secrets of its namespace (SubjectAccessReview), as Istio
/// does: who may not read them by himself is not given them by the mesh. An answer holds for a minute; while the API
/// server cannot be asked, the last one.
public final class KubernetesSecretAccess implements SecretAccess {
    private static final Logger LOGGER = LoggerFactory.getLogger(KubernetesSecretAccess.class);
    private static final Duration HOLDS = Duration.ofMinutes(1);
    private static final int MOST_HELD = 10_000;

    private final KubernetesClient client;
    private final Map<String, Boolean> last = new ConcurrentHashMap<>();
    private final Cache<String, Boolean> known =
            Caffeine.newBuilder().maximumSize(MOST_HELD).expireAfterWrite(HOLDS).build();

    public KubernetesSecretAccess(KubernetesClient client) {
        this.client = client;
    }

    @Override
    public boolean mayRead(@Nullable Caller caller) {
        if (caller == null) {
            return false;
        }
        String namespace = caller.identity().namespace();
        String user =
                "system:serviceaccount:" + namespace + ":" + caller.identity().serviceAccount();
        Boolean before = known.getIfPresent(user);
        if (before != null) {
            return before;
        }
        try {
            boolean allowed = ask(user, namespace);
            known.put(user, allowed);
            last.put(user, allowed);
            return allowed;
        } catch (KubernetesClientException e) {
            // For a minute too, lest everybody waits for an API server that does not answer.
            boolean allowed = last.getOrDefault(user, false);
            known.put(user, allowed);
            LOGGER.atWarn()
                    .log(
                            "{} is {} Secrets: {}",
                            caller.identity(),
                            allowed ? "still given" : "given no",
                            e.getCode() == 403
                                    ? "the pilot's service account may not create subjectaccessreviews.authorization.k8s.io"
                                            + " (look at its ClusterRole)"
                                    : "the API server cannot be asked whether it may have them: " + e.getMessage());
            return allowed;
        }
    }

    private boolean ask(String user, String namespace) {
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
