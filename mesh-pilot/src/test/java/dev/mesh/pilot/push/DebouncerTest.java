package dev.mesh.pilot.push;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class DebouncerTest {
    private final AtomicLong now = new AtomicLong(10_000);
    private final ArrayDeque<Runnable> queue = new ArrayDeque<>();
    private final List<Long> delays = new ArrayList<>();
    private int runs;
    private final Debouncer debouncer = new Debouncer(executor(), now::get, () -> runs++);

    // Keeps what it is given until the test runs it.
    private ScheduledExecutorService executor() {
        return (ScheduledExecutorService) java.lang.reflect.Proxy.newProxyInstance(
                DebouncerTest.class.getClassLoader(),
                new Class<?>[] {ScheduledExecutorService.class},
                (self, method, arguments) -> {
                    queue.add((Runnable) arguments[0]);
                    delays.add(method.getName().equals("schedule") ? (Long) arguments[1] : 0L);
                    return null;
                });
    }

    private void runAll() {
        while (!queue.isEmpty()) {
            queue.poll().run();
        }
    }

    @Test
    void theFirstChangeAfterQuietRunsAtOnce() {
        debouncer.changed();

        assertThat(delays).containsExactly(0L);
    }

    @Test
    void changesWhileOneWaitsAreOne() {
        debouncer.changed();
        debouncer.changed();
        debouncer.changed();
        runAll();

        assertThat(runs).isEqualTo(1);
    }

    @Test
    void underAStormThePauseGrowsToItsLimit() {
        for (int i = 0; i < 7; i++) {
            debouncer.changed();
            runAll();
        }

        assertThat(delays).containsExactly(0L, 10L, 20L, 40L, 80L, 100L, 100L);
        assertThat(runs).isEqualTo(7);
    }

    @Test
    void quietMakesItPromptAgain() {
        debouncer.changed();
        runAll();
        debouncer.changed();
        runAll();
        now.addAndGet(Debouncer.QUIET);
        debouncer.changed();
        runAll();
        debouncer.changed();

        assertThat(delays).containsExactly(0L, 10L, 0L, 10L);
    }

    @Test
    void aChangeDuringARunRunsAgain() {
        debouncer.changed();
        Runnable first = queue.poll();
        assertThat(first).isNotNull();
        first.run();
        debouncer.changed();
        runAll();

        assertThat(runs).isEqualTo(2);
    }
}
