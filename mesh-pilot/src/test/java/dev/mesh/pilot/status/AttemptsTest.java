package dev.mesh.pilot.status;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.finding.ResourceRef;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class AttemptsTest {
    private static final Instant NOW = Instant.EPOCH;
    private static final Instant LATER = NOW.plus(Attempts.AGAIN);
    private static final Instant YEARS_LATER = NOW.plus(Duration.ofDays(1000));
    private final ResourceRef web = new ResourceRef("networking.istio.io", "VirtualService", "shop", "web");
    private final Attempts attempts = new Attempts();

    @Test
    void whatMayHaveFailedIsTriedAgainInAMinute() {
        assertThat(attempts.isDue(web, "1", "lost", NOW)).isTrue();
        attempts.begin(web, "1", "lost", NOW);

        assertThat(attempts.isDue(web, "1", "lost", LATER.minusMillis(1))).isFalse();
        assertThat(attempts.isDue(web, "1", "lost", LATER)).isTrue();
    }

    @Test
    void whatTheServerDoesNotKeepIsNotWrittenForEver() {
        attempts.begin(web, "1", "lost", NOW);
        attempts.taken(web, "1");

        assertThat(attempts.isDue(web, "1", "lost", YEARS_LATER)).isFalse();
        assertThat(attempts.isDue(web, "1", "found, and misspelt", NOW)).isTrue();
        assertThat(attempts.isDue(web, "2", "lost", NOW)).isTrue();
    }

    @Test
    void whatWasTakenAndKeptIsLookedAtAsTheWatchBringsIt() {
        attempts.begin(web, "1", "lost", NOW);
        attempts.taken(web, "2");

        assertThat(attempts.isDue(web, "1", "lost", NOW)).isFalse();
        assertThat(attempts.isDue(web, "2", "lost", NOW)).isTrue();
    }

    @Test
    void ofWhatIsGoneNothingIsKept() {
        attempts.begin(web, "1", "lost", NOW);
        attempts.retain(List.of());

        assertThat(attempts.isDue(web, "1", "lost", NOW)).isTrue();
    }
}
