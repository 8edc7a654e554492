package dev.mesh.cli.client;

import java.io.PrintStream;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// Says what is waited for, when it takes longer than two seconds, on a line that goes away again. For terminals only.
public final class Progress implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(2);
    private static volatile boolean shown;

    private final CountDownLatch over = new CountDownLatch(1);
    private final Thread teller;

    /// @param patience that passes before anything is said, and between two lines
    Progress(String what, PrintStream err, boolean terminal, Duration patience) {
        teller = Thread.ofVirtual().unstarted(() -> tell(what, err, patience));
        if (terminal) {
            teller.start();
        }
    }

    /// Whether errors go to a terminal, so that somebody would see it; to be said once at the start.
    public static void show(boolean terminal) {
        shown = terminal;
    }

    /// Until it is closed.
    ///
    /// @param what is done, such as `asking the pilot`
    @SuppressWarnings("SystemOut") // the command line's own channel
    public static Progress of(String what) {
        return new Progress(what, System.err, shown, PATIENCE);
    }

    private void tell(String what, PrintStream err, Duration patience) {
        long since = System.nanoTime();
        boolean said = false;
        try {
            while (!over.await(said ? 1000 : patience.toMillis(), TimeUnit.MILLISECONDS)) {
                said = true;
                err.print("\r" + what + " ... " + TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - since) + " s");
                err.flush();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (said) {
            // To the start of the line, and erase to its end.
            err.print("\r\u001b[K");
            err.flush();
        }
    }

    @Override
    public void close() {
        over.countDown();
        try {
            if (teller.getState() != Thread.State.NEW) {
                teller.join();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
