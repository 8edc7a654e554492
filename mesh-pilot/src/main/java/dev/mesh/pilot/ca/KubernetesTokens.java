package dev.mesh.pilot.ca;

import dev.mesh.api.identity.SpiffeId;
import dev.mesh.pilot.model.Caller;
import io.fabric8.kubernetes.api.model.authentication.TokenReview;
import io.fabric8.kubernetes.api.model.authentication.TokenReviewBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/// Asks the API server who a token is (`authentication.k8s.io/v1` TokenReview), each time it is asked itself.
public final class KubernetesTokens implements TokenReviewer {
    /// What a token must be made for, as in Istio.
    public static final String AUDIENCE = "istio-ca";

    private static final int AT_ONCE = 32;
    private static final int PATIENCE_SECONDS = 5;
    private static final String POD = "authentication.kubernetes.io/pod-name";

    private final KubernetesClient client;
    private final String trustDomain;
    private final Semaphore asking = new Semaphore(AT_ONCE);

    public KubernetesTokens(KubernetesClient client, String trustDomain) {
        this.client = client;
        this.trustDomain = trustDomain;
    }

    @Override
    public Caller review(String token) throws Invalid, Unavailable {
        TokenReview answer;
        try {
            if (!asking.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                throw new Unavailable("too many tokens are being judged at once; try again");
            }
            try {
                answer = client.resource(new TokenReviewBuilder()
                                .withNewMetadata()
                                .endMetadata()
                                .withNewSpec()
                                .withToken(token)
                                .withAudiences(List.of(AUDIENCE))
                                .endSpec()
                                .build())
                        .create();
            } finally {
                asking.release();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Unavailable("the pilot is stopping");
        } catch (KubernetesClientException e) {
            throw new Unavailable(
                    e.getCode() == 403
                            ? "the pilot's service account may not create tokenreviews.authentication.k8s.io (look at its"
                                    + " ClusterRole)"
                            : "the API server cannot be asked about the token: " + e.getMessage());
        }
        var status = answer.getStatus();
        if (status == null || !Boolean.TRUE.equals(status.getAuthenticated())) {
            String why = status == null || status.getError() == null ? "not authenticated" : status.getError();
            throw new Invalid("the API server does not accept the token: " + why + " (expected: a service account token"
                    + " with audience " + AUDIENCE + ")");
        }
        if (!status.getAudiences().contains(AUDIENCE)) {
            throw new Invalid("the token is for " + status.getAudiences() + " (expected: audience " + AUDIENCE + ")");
        }
        try {
            var pods = status.getUser().getExtra() == null
                    ? null
                    : status.getUser().getExtra().get(POD);
            return new Caller(
                    SpiffeId.ofUser(trustDomain, status.getUser().getUsername()),
                    pods == null || pods.isEmpty() ? "" : pods.getFirst());
        } catch (IllegalArgumentException e) {
            throw new Invalid(String.valueOf(e.getMessage()));
        }
    }
}
