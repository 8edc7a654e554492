package dev.mesh.pilot.registry;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

class TroublesTest {
    private Instant now = Instant.parse("2026-01-01T00:00:00Z");
    private final Troubles troubles = new Troubles(new Clock() {
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
    });

    @Test
    void aTroubleIsToldUntilItIsOver() {
        troubles.tell("b", "first");
        troubles.tell("a", "second");
        troubles.tell("b", "third");
        assertThat(troubles.all()).containsExactly("second", "third");

        now = now.plus(Duration.ofDays(1));
        troubles.over("b");

        assertThat(troubles.all()).containsExactly("second");
    }

    @Test
    void whatHappenedGrowsOldAndIsBounded() {
        for (int i = 0; i < 1000; i++) {
            troubles.happened("peer " + i, "refused " + i);
        }
        assertThat(troubles.all()).hasSize(100);

        now = now.plus(Duration.ofMinutes(6));

        assertThat(troubles.all()).isEmpty();
        troubles.happened("peer", "refused");
        assertThat(troubles.all()).containsExactly("refused");
    }

    @Test
    void whatHappenedHasRoomBesideAnyNumberOfTroubles() {
        for (int i = 0; i < 100; i++) {
            troubles.tell("kind " + i, "cannot be read " + i);
        }

        troubles.happened("peer", "refused");

        assertThat(troubles.all()).hasSize(101).contains("refused");
    }
}
