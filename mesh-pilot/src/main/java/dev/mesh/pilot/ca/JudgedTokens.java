package dev.mesh.pilot.ca;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.mesh.pilot.model.Caller;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/// Remembers what another reviewer said of a token: good for a minute, never longer than the token; bad for a few
/// seconds, so that a pod that comes again and again with a bad token does not take the turns of others. Each in a
/// bounded memory of its own: bad tokens, of which anybody may make many, never push a good one out. Of one token there
/// is one question at a time. What could not be found out is not remembered. Thread-safe.
public final class JudgedTokens implements TokenReviewer {
    /// How long a token is taken to be good.
    public static final Duration GOOD = Duration.ofMinutes(1);
    /// How long a token is taken to be bad.
    public static final Duration BAD = Duration.ofSeconds(10);

    private static final int MOST_GOOD = 10_000;
    private static final int MOST_BAD = 10_000;
    private static final int MOST_TOKEN = 16 << 10;

    private final TokenReviewer asked;
    private final Clock clock;
    private final Cache<String, Accepted> good =
            Caffeine.newBuilder().maximumSize(MOST_GOOD).expireAfterWrite(GOOD).build();
    private final Cache<String, Refused> bad =
            Caffeine.newBuilder().maximumSize(MOST_BAD).expireAfterWrite(BAD).build();
    private final ConcurrentMap<String, CompletableFuture<Judgement>> open = new ConcurrentHashMap<>();

    private sealed interface Judgement {}

    private record Accepted(Caller caller, Instant until) implements Judgement {}

    private record Refused(String why, Instant until) implements Judgement {}

    private record Unknown(String why) implements Judgement {}

    /// @param asked who is asked what is not remembered
    public JudgedTokens(TokenReviewer asked, Clock clock) {
        this.asked = asked;
        this.clock = clock;
    }

    @Override
    public Caller review(String token) throws Invalid, Unavailable {
        if (token.isEmpty() || token.length() > MOST_TOKEN) {
            throw new Invalid("the token has " + token.length() + " characters (expected: 1-" + MOST_TOKEN + ")");
        }
        String digest = digest(token);
        Judgement known = remembered(digest);
        return switch (known == null ? judged(token, digest) : known) {
            case Accepted accepted -> accepted.caller;
            case Refused refused -> throw new Invalid(refused.why);
            case Unknown unknown -> throw new Unavailable(unknown.why);
        };
    }

    private @Nullable Judgement remembered(String digest) {
        Instant now = clock.instant();
        Accepted accepted = good.getIfPresent(digest);
        if (accepted != null && now.isBefore(accepted.until)) {
            return accepted;
        }
        Refused refused = bad.getIfPresent(digest);
        return refused != null && now.isBefore(refused.until) ? refused : null;
    }

    private Judgement judged(String token, String digest) throws Unavailable {
        var mine = new CompletableFuture<Judgement>();
        CompletableFuture<Judgement> others = open.putIfAbsent(digest, mine);
        try {
            if (others != null) {
                return others.get();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Unavailable("the pilot is stopping");
        } catch (ExecutionException e) {
            throw new Unavailable("error of the pilot: " + e.getMessage());
        }
        try {
            Judgement judgement = ask(token);
            switch (judgement) {
                case Accepted accepted -> good.put(digest, accepted);
                case Refused refused -> bad.put(digest, refused);
                case Unknown _ -> {}
            }
            mine.complete(judgement);
            return judgement;
        } finally {
            mine.complete(new Unknown("error of the pilot; try again")); // if it threw
            open.remove(digest, mine);
        }
    }

    private Judgement ask(String token) {
        try {
            return new Accepted(asked.review(token), expiry(token));
        } catch (Invalid e) {
            return new Refused(String.valueOf(e.getMessage()), clock.instant().plus(BAD));
        } catch (Unavailable e) {
            return new Unknown(String.valueOf(e.getMessage()));
        }
    }

    // Only bounds how long an answer holds: who was asked has checked the signature.
    private Instant expiry(String token) {
        Instant bound = clock.instant().plus(GOOD);
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
