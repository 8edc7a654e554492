package dev.mesh.proxy.xds;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

/// On a clock that stands still until it is told to go on.
class ReconnectTest {
    /// The longest pause that the bound allows.
    private static final class Longest implements RandomGenerator {
        @Override
        public long nextLong() {
            throw new IllegalStateException("only what is bounded is asked for");
        }

        @Override
        public long nextLong(long bound) {
            return bound - 1;
        }
    }

    private final EmbeddedChannel clock = new EmbeddedChannel();
    private final Reconnect reconnect;
    private final List<String> opened = new ArrayList<>();
    private final Reconnect.Line ads;
    private final Reconnect.Line session;

    ReconnectTest() {
        clock.freezeTime();
        reconnect = new Reconnect(clock.eventLoop(), new Longest());
        ads = reconnect.line(() -> opened.add("ads"));
        session = reconnect.line(() -> opened.add("session"));
    }

    private void after(long millis) {
        clock.advanceTimeBy(millis, TimeUnit.MILLISECONDS);
        clock.runScheduledPendingTasks();
    }

    @Test
    void pausesDoubleUpToTenSecondsAndBeginAnewWithAnAnswer() {
        var pauses = new ArrayList<Long>();
        for (int i = 0; i < 7; i++) {
            pauses.add(ads.lost());
        }
        assertThat(pauses).containsExactly(500L, 1000L, 2000L, 4000L, 8000L, 10_000L, 10_000L);
        ads.answered();
        assertThat(ads.lost()).isEqualTo(500);
    }

    @Test
    void aLostStreamIsOpenedOnceWhenItsPauseIsOver() {
        ads.lost();
        after(499);
        assertThat(opened).isEmpty();
        after(1);
        assertThat(opened).containsExactly("ads");
        after(60_000);
        assertThat(opened).containsExactly("ads");
    }

    @Test
    void whereOneStreamIsAnsweredTheOtherDoesNotWait() {
        for (int i = 0; i < 6; i++) {
            session.lost();
        }
        ads.lost();
        after(500);
        assertThat(opened).containsExactly("ads");

        ads.answered();

        assertThat(opened).containsExactly("ads", "session");
        after(60_000);
        assertThat(opened).containsExactly("ads", "session");
        assertThat(session.lost()).as("its pauses begin anew, too").isEqualTo(500);
    }

    /// A connection is no answer: a control plane that refuses every stream is not asked more often for it.
    @Test
    void aConnectionWakesTheOtherStreamButItsPausesGoOnGrowing() {
        for (int i = 0; i < 4; i++) {
            ads.lost();
        }
        session.connected();
        assertThat(opened).containsExactly("ads");
        assertThat(ads.lost()).isEqualTo(8000);
    }

    @Test
    void whatIsStoppedStaysSo() {
        ads.lost();
        ads.stop();
        session.answered();
        after(60_000);
        assertThat(opened).isEmpty();
    }
}
