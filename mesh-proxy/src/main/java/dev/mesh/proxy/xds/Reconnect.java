package dev.mesh.proxy.xds;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// When the streams to one control plane are opened again. Each that is lost waits for a random time below a bound that
/// doubles with each loss in a row, from half a second to ten: a control plane that comes back is not met by everybody
/// at
/// once (exponential, with full jitter; Envoy's bound is 30 s). Where one gets through, the others need not wait.
///
/// Everything on the configuration thread.
public final class Reconnect {
    private static final long BASE_MILLIS = 500;
    private static final long MOST_MILLIS = 10_000;

    private final ScheduledExecutorService thread;
    private final RandomGenerator random;
    private final List<Line> lines = new ArrayList<>();

    /// @param thread the configuration thread
    public Reconnect(ScheduledExecutorService thread, RandomGenerator random) {
        this.thread = thread;
        this.random = random;
    }

    /// One of the streams.
    ///
    /// @param open opens it anew
    public Line line(Runnable open) {
        var line = new Line(open);
        lines.add(line);
        return line;
    }

    /// One of the streams, open or not.
    public final class Line {
        private final Runnable open;
        private @Nullable Future<?> waiting;
        private int losses;

        private Line(Runnable open) {
            this.open = open;
        }

        /// It was lost, and is opened again later.
        ///
        /// @return after how many milliseconds; 0 if the thread has ended
        public long lost() {
            stop();
            if (thread.isShutdown()) {
                return 0;
            }
            long bound = Math.min(MOST_MILLIS, BASE_MILLIS << Math.min(losses++, 10));
            long pause = random.nextLong(bound) + 1;
            waiting = thread.schedule(this::again, pause, TimeUnit.MILLISECONDS);
            return pause;
        }

        /// There is a connection: whoever else waits for one is opened now.
        public void connected() {
            for (Line other : lines) {
                if (other != this && other.waiting != null) {
                    other.again();
                }
            }
        }

        /// The control plane has answered: as [#connected], and whatever is lost next waits as for the first time.
        public void answered() {
            lines.forEach(line -> line.losses = 0);
            connected();
        }

        /// It is not opened again.
        public void stop() {
            Future<?> pending = waiting;
            waiting = null;
            if (pending != null) {
                pending.cancel(false);
            }
        }

        private void again() {
            stop();
            open.run();
        }
    }
}
