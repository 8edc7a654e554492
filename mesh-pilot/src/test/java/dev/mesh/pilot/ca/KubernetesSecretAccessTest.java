package dev.mesh.pilot.ca;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.identity.SpiffeId;
import dev.mesh.pilot.model.Caller;
import dev.mesh.pilot.registry.Troubles;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.junit.jupiter.api.Test;

/// When the API server is asked, and who hears of what it says; what it says is made up.
class KubernetesSecretAccessTest {
    private static final Caller EDGE = new Caller(new SpiffeId("cluster.local", "shop", "edge"));

    private Instant now = Instant.parse("2026-01-01T00:00:00Z");
    private boolean allowed;
    private int outage; // code of its error; 0: it answers
    private final List<String> asked = new ArrayList<>();
    private final List<SpiffeId> told = new ArrayList<>();
    private Collection<Caller> wanted = List.of(EDGE);
    private final Troubles troubles = new Troubles();
    private final KubernetesSecretAccess access = new KubernetesSecretAccess(
            (user, namespace) -> {
                asked.add(user + " in " + namespace);
                if (outage != 0) {
                    throw new KubernetesClientException("it is down", outage, null);
                }
                return allowed;
            },
            troubles,
            new Clock() {
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
            },
            () -> wanted,
            told::add);

    private void after(Duration time) {
        now = now.plus(time);
        access.look();
    }

    @Test
    void whoMayLaterIsGivenSecretsThenAndLosesThemWithTheRight() {
        assertThat(access.mayRead(EDGE)).isFalse();
        assertThat(asked).containsExactly("system:serviceaccount:shop:edge in shop");
        after(Duration.ofSeconds(40));
        assertThat(asked).as("an answer holds about a minute").hasSize(1);

        allowed = true;
        after(Duration.ofSeconds(40));
        assertThat(told).containsExactly(EDGE.identity());
        assertThat(access.mayRead(EDGE)).isTrue();
        assertThat(asked).hasSize(2);

        after(Duration.ofSeconds(80));
        assertThat(told).as("the same answer is no news").hasSize(1);
        allowed = false;
        after(Duration.ofSeconds(80));
        assertThat(told).hasSize(2);
        assertThat(access.mayRead(EDGE)).isFalse();
    }

    @Test
    void anErrorOfTheFirstReviewIsNoAnswerAndIsAskedAgainSoonAndThenLessOften() {
        outage = 500;
        allowed = true;
        assertThat(access.mayRead(EDGE)).isFalse();
        assertThat(troubles.all()).singleElement().asString().contains("the API server says it is down");
        for (int i = 0; i < 100; i++) {
            after(Duration.ofSeconds(1));
        }
        assertThat(asked).hasSizeBetween(6, 10);

        outage = 0;
        after(Duration.ofSeconds(40));
        assertThat(told).containsExactly(EDGE.identity());
        assertThat(access.mayRead(EDGE)).isTrue();
        assertThat(troubles.all()).isEmpty();
    }

    @Test
    void whileItCannotBeAskedTheLastAnswerHolds() {
        allowed = true;
        assertThat(access.mayRead(EDGE)).isTrue();
        outage = 403;
        after(Duration.ofSeconds(80));

        assertThat(access.mayRead(EDGE)).isTrue();
        assertThat(told).isEmpty();
        assertThat(troubles.all())
                .singleElement()
                .asString()
                .endsWith("not allowed; grant the pilot's service account the verb create on"
                        + " subjectaccessreviews.authorization.k8s.io");
    }

    @Test
    void anotherAccountOfTheSameNameIsAskedAboutAnew() {
        allowed = true;
        assertThat(access.mayRead(EDGE)).isTrue();

        access.forget("shop", "edge");
        outage = 500;

        assertThat(access.mayRead(EDGE)).as("not by the old answer").isFalse();
        assertThat(asked).hasSize(2);
    }

    @Test
    void whomNobodyWantsIsNotAskedAboutButBeforeHeIsGivenAnythingAgain() {
        allowed = true;
        assertThat(access.mayRead(EDGE)).isTrue();
        wanted = List.of();
        after(Duration.ofHours(1));
        assertThat(asked).hasSize(1);

        allowed = false;
        assertThat(access.mayRead(EDGE)).as("an answer of an hour ago").isFalse();
    }
}
