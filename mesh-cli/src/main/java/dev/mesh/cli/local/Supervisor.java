package dev.mesh.cli.local;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// Runs child processes: hands on what they print, starts them again when they end by themselves, and ends
/// them all on [#close]. Thread-safe.
public final class Supervisor implements AutoCloseable {
    private static final Duration RESTART_PAUSE_MAX = Duration.ofSeconds(10);
    private static final Duration STEADY = Duration.ofSeconds(30);

    private final Log log;
    private final Duration grace;
    private final List<Child> children = new ArrayList<>();
    private boolean closing;

    /// @param grace how long a child has to end after SIGTERM, before SIGKILL
    public Supervisor(Log log, Duration grace) {
        this.log = log;
        this.grace = grace;
    }

    /// What a child is.
    ///
    /// @param environment added to this process's own
    /// @param restart whether it is started again when it ends by itself
    public record Program(String name, List<String> command, Map<String, String> environment, boolean restart) {}

    /// Starts a program.
    public Child start(Program program) {
        var child = new Child(program);
        synchronized (this) {
            if (closing) {
                throw new IllegalStateException("closing");
            }
            children.add(child);
        }
        child.launch();
        return child;
    }

    /// Ends all children, the last started first, and waits for them.
    @Override
    public void close() {
        List<Child> all;
        synchronized (this) {
            closing = true;
            all = new ArrayList<>(children).reversed();
        }
        all.forEach(Child::terminate);
        long deadline = System.nanoTime() + grace.toNanos();
        for (Child child : all) {
            child.awaitEnd(deadline - System.nanoTime());
        }
    }

    private synchronized boolean isClosing() {
        return closing;
    }

    /// One program that is kept running.
    public final class Child {
        private final Program program;
        private final AtomicInteger starts = new AtomicInteger();
        private volatile @Nullable Process process;

        private Child(Program program) {
            this.program = program;
        }

        public String name() {
            return program.name();
        }

        public boolean isAlive() {
            Process running = process;
            return running != null && running.isAlive();
        }

        /// How often it has been started.
        public int starts() {
            return starts.get();
        }

        private void launch() {
            var builder = new ProcessBuilder(program.command()).redirectErrorStream(true);
            builder.environment().putAll(program.environment());
            Process started;
            try {
                started = builder.start();
            } catch (IOException e) {
                throw new UncheckedIOException(
                        program.name() + ": cannot start " + program.command().getFirst(), e);
            }
            process = started;
            starts.incrementAndGet();
            long since = System.nanoTime();
            Thread.ofVirtual().name(program.name() + "-output").start(() -> {
                copyOutput(started);
                ended(started, System.nanoTime() - since);
            });
            if (isClosing()) {
                terminate();
            }
        }

        private void copyOutput(Process from) {
            try (var lines = new BufferedReader(new InputStreamReader(from.getInputStream(), StandardCharsets.UTF_8))) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    log.line(program.name(), line);
                }
            } catch (IOException e) {
                log.problem(program.name(), "its output can no longer be read: " + e.getMessage());
            }
        }

        private void ended(Process ended, long ranNanos) {
            try {
                int status = ended.waitFor();
                if (isClosing()) {
                    return;
                }
                if (!program.restart()) {
                    log.problem(program.name(), "ended with status " + status);
                    return;
                }
                int failures = ranNanos > STEADY.toNanos() ? 0 : Math.min(starts.get() - 1, 10);
                Duration pause = Duration.ofMillis(Math.min(250L << failures, RESTART_PAUSE_MAX.toMillis()));
                log.problem(
                        program.name(),
                        "ended with status " + status + "; starting it again in " + pause.toMillis() + " ms");
                Thread.sleep(pause);
                if (!isClosing()) {
                    launch();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (UncheckedIOException e) {
                log.problem(program.name(), e.getMessage() + ": " + e.getCause());
            }
        }

        private void terminate() {
            Process running = process;
            if (running != null) {
                running.descendants().forEach(ProcessHandle::destroy);
                running.destroy();
            }
        }

        private void awaitEnd(long nanos) {
            Process running = process;
            if (running == null) {
                return;
            }
            try {
                if (!running.waitFor(Math.max(0, nanos), TimeUnit.NANOSECONDS)) {
                    running.descendants().forEach(ProcessHandle::destroyForcibly);
                    running.destroyForcibly().waitFor();
                }
            } catch (InterruptedException e) {
                running.destroyForcibly();
                Thread.currentThread().interrupt();
            }
        }
    }
}
