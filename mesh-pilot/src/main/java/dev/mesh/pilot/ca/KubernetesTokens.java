package dev.mesh.pilot.ca;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.mesh.api.identity.SpiffeId;
import dev.mesh.pilot.model.Caller;
import io.fabric8.kubernetes.api.model.authentication.TokenReview;
import io.fabric8.kubernetes.api.model.authentication.TokenReviewBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/// Asks the API server who a token is (`authentication.k8s.io/v1` TokenReview). An answer holds for a minute, never
/// longer than the token.
public final class KubernetesTokens implements TokenReviewer {
    /// What a token must be made for, as in Istio.
    public static final String AUDIENCE = "istio-ca";

    private static final Duration HOLDS = Duration.ofMinutes(1);
    private static final int MOST_HELD = 10_000;
    private static final int MOST_TOKEN = 16 << 10;
    private static final int AT_ONCE = 32;
    private static final int PATIENCE_SECONDS = 5;
    private static final String POD = "authentication.kubernetes.io/pod-name";

    private final KubernetesClient client;
    private final String trustDomain;
    private final Clock clock;
    private final Semaphore asking = new Semaphore(AT_ONCE);
    private final Cache<String, Judged> judged =
            Caffeine.newBuilder().maximumSize(MOST_HELD).expireAfterWrite(HOLDS).build();

    private record Judged(Caller caller, Instant until) {}

    public KubernetesTokens(KubernetesClient client, String trustDomain, Clock clock) {
        this.client = client;
        this.trustDomain = trustDomain;
        this.clock = clock;
    }

    @Override
    public Caller review(String token) throws Invalid, Unavailable {
        if (token.isEmpty() || token.length() > MOST_TOKEN) {
            throw new Invalid("the token has " + token.length() + " characters (expected: 1-" + MOST_TOKEN + ")");
        }
        String digest = digest(token);
        Judged known = judged.getIfPresent(digest);
        if (known != null && clock.instant().isBefore(known.until)) {
            return known.caller;
        }
        Caller caller = ask(token);
        judged.put(digest, new Judged(caller, expiry(token)));
        return caller;
    }

    private Caller ask(String token) throws Invalid, Unavailable {
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

    // Only bounds how long an answer holds: the API server has checked the signature.
    private Instant expiry(String token) {
        Instant bound = clock.instant().plus(HOLDS);
        String[] parts = token.split("\\.", -1);
        try {
            if (parts.length == 3
                    && JsonParser.parseString(
                                    new String(Base64.getUrlDecoder().decode(parts[1]), StandardCharsets.UTF_8))
                            instanceof JsonObject claims) {
                JsonElement end = claims.get("exp");
                if (end != null && end.isJsonPrimitive()) {
                    Instant stated = Instant.ofEpochSecond(end.getAsLong());
                    return stated.isBefore(bound) ? stated : bound;
                }
            }
        } catch (JsonParseException | IllegalArgumentException e) {
            return bound; // no JWT
        }
        return bound;
    }

    private static String digest(String token) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this JDK has no SHA-256", e);
        }
    }
}
