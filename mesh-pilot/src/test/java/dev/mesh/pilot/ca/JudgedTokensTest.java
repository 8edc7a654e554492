package dev.mesh.pilot.ca;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.identity.SpiffeId;
import dev.mesh.pilot.model.Caller;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class JudgedTokensTest {
    private static final Caller REVIEWS = new Caller(new SpiffeId("cluster.local", "shop", "reviews"));

    private final AtomicInteger questions = new AtomicInteger();
    private Instant now = Instant.parse("2026-05-01T12:00:00Z");
    private final Clock clock = new Clock() {
        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return now;
        }
    };
    private final JudgedTokens tokens = new JudgedTokens(this::answer, clock);

    private Caller answer(String token) throws TokenReviewer.Invalid, TokenReviewer.Unavailable {
        questions.incrementAndGet();
        if (token.startsWith("bad")) {
            throw new TokenReviewer.Invalid("the API server does not accept the token");
        }
        if (token.equals("outage")) {
            throw new TokenReviewer.Unavailable("the API server cannot be asked");
        }
        return REVIEWS;
    }

    private void isRefused(String token) {
        assertThatExceptionOfType(TokenReviewer.Invalid.class)
                .isThrownBy(() -> tokens.review(token))
                .withMessage("the API server does not accept the token");
    }

    @Test
    void aBadTokenIsAskedForOnceInAFewSeconds() {
        isRefused("bad");
        isRefused("bad");
        assertThat(questions).hasValue(1);

        now = now.plus(JudgedTokens.BAD);
        isRefused("bad");
        assertThat(questions).hasValue(2);
    }

    @Test
    void manyBadTokensPushNoGoodOneOut() throws Exception {
        tokens.review("good");
        for (int i = 0; i < 30_000; i++) {
            isRefused("bad" + i);
        }
        int before = questions.get();

        assertThat(tokens.review("good")).isEqualTo(REVIEWS);
        assertThat(questions).hasValue(before);
    }

    @Test
    void aGoodOneHoldsForAMinuteAndNeverLongerThanItself() throws Exception {
        String token = "e30."
                + Base64.getUrlEncoder()
                        .encodeToString(
                                ("{\"exp\":" + (now.getEpochSecond() + 20) + "}").getBytes(StandardCharsets.UTF_8))
                + ".c2ln";
        tokens.review("good");
        tokens.review(token);
        now = now.plusSeconds(19);
        tokens.review("good");
        tokens.review(token);
        assertThat(questions).hasValue(2);

        now = now.plusSeconds(1);
        tokens.review(token);
        assertThat(questions).hasValue(3);
        now = now.plus(JudgedTokens.GOOD);
        tokens.review("good");
        assertThat(questions).hasValue(4);
    }

    @Test
    void anOutageIsNotRemembered() {
        for (int i = 1; i <= 2; i++) {
            assertThatExceptionOfType(TokenReviewer.Unavailable.class).isThrownBy(() -> tokens.review("outage"));
            assertThat(questions).hasValue(i);
        }
    }

    @Test
    void whoComeAtOnceWithOneTokenTakeOneTurn() throws Exception {
        var go = new CountDownLatch(1);
        var slow = new JudgedTokens(
                token -> {
                    questions.incrementAndGet();
                    try {
                        go.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                    throw new TokenReviewer.Invalid("no");
                },
                clock);
        var waiting = new ArrayList<Thread>();
        List<Future<Caller>> answers = new ArrayList<>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 50; i++) {
                answers.add(threads.submit(() -> {
                    synchronized (waiting) {
                        waiting.add(Thread.currentThread());
                    }
                    return slow.review("bad");
                }));
            }
            await().atMost(Duration.ofSeconds(30)).until(() -> {
                synchronized (waiting) {
                    return waiting.size() == 50
                            && waiting.stream().allMatch(thread -> thread.getState() == Thread.State.WAITING);
                }
            });
            go.countDown();
            for (Future<Caller> answer : answers) {
                assertThatExceptionOfType(ExecutionException.class)
                        .isThrownBy(answer::get)
                        .withCauseInstanceOf(TokenReviewer.Invalid.class);
            }
        }
        assertThat(questions).hasValue(1);
    }

    @Test
    void whatIsNoTokenIsNotAskedFor() {
        for (String token : List.of("", "x".repeat(16385))) {
            assertThatExceptionOfType(TokenReviewer.Invalid.class)
                    .isThrownBy(() -> tokens.review(token))
                    .withMessage("the token has " + token.length() + " characters (expected: 1-16384)");
        }
        assertThat(questions).hasValue(0);
    }
}
