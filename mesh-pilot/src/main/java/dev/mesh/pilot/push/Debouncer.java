package dev.mesh.pilot.push;

import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/// Gathers changes that come in a storm.
///
/// The first change after quiet runs at once. While more come, each run is followed by a pause that doubles from
/// 10 to 100 ms; after [#QUIET] without a change the pause is short again. Runs never overlap, and no change waits
/// longer than one pause and one run, which is well under a second.
public final class Debouncer {
    /// Milliseconds.
    public static final long SHORTEST = 10;

    /// Milliseconds.
    public static final long LONGEST = 100;

    /// Milliseconds without a change after which the next one runs at once.
    public static final long QUIET = 200;

    private final ScheduledExecutorService thread;
    private final LongSupplier millis;
    private final Runnable action;
    private boolean scheduled;
    private long pause = SHORTEST;
    private long lastRun = Long.MIN_VALUE / 2;

    /// @param thread a single one; `action` runs on it
    /// @param millis a clock that never goes back
    /// @param action must not throw
    public Debouncer(ScheduledExecutorService thread, LongSupplier millis, Runnable action) {
        this.thread = thread;
        this.millis = millis;
        this.action = action;
    }

    /// Something changed. Never blocks; any thread.
    public synchronized void changed() {
        if (scheduled) {
            return;
        }
        scheduled = true;
        long since = millis.getAsLong() - lastRun;
        if (since >= QUIET) {
            pause = SHORTEST;
            thread.execute(this::run);
        } else {
            thread.schedule(this::run, Math.max(0, pause - since), TimeUnit.MILLISECONDS);
            pause = Math.min(LONGEST, pause * 2);
        }
    }

    private void run() {
        synchronized (this) {
            scheduled = false; // a change from now on is not in what the action reads
        }
        action.run();
        synchronized (this) {
            lastRun = millis.getAsLong();
        }
    }
}
