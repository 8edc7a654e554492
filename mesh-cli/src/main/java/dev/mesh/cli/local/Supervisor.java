package dev.mesh.cli.local;

import dev.mesh.api.local.LocalProcess.RestartPolicy;
import dev.mesh.cli.client.Failure;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// Runs child processes: hands on what they print, starts them again when they end by themselves, and ends
/// them all on [#close], or through a [Guard] when this process is killed. Thread-safe.
public final class Supervisor implements AutoCloseable {
    private static final Duration RESTART_PAUSE_MAX = Duration.ofSeconds(10);
    private static final Duration STEADY = Duration.ofSeconds(30);

    private final Log log;
    private final Duration grace;
    private final Guard guard = new Guard();
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
    /// @param directory null: this process's own
    /// @param restart when it is started again after it has ended by itself
    public record Program(
            String name,
            List<String> command,
            Map<String, String> environment,
            @Nullable Path directory,
            RestartPolicy restart) {}

    /// Starts a program.
    ///
    /// @throws Failure if there is no such program
    public Child start(Program program) {
        var child = new Child(program);
        synchronized (this) {
            if (closing) {
                throw new Failure(program.name() + " is not started: the mesh is stopping");
            }
            children.add(child);
        }
        child.launch();
        return child;
    }

    /// Ends all children, and waits for them.
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
        guard.close();
    }

    private synchronized boolean isClosing() {
        return closing;
    }

    /// One program that is kept running.
    public final class Child {
        private final Program program;
        private final AtomicInteger starts = new AtomicInteger();
        private volatile @Nullable Process process;
        private volatile @Nullable Integer status;

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

        /// The process, while there is one.
        public long pid() {
            Process running = process;
            return running == null ? -1 : running.pid();
        }

        /// How often it has been started.
        public int starts() {
            return starts.get();
        }

        /// With what it last ended by itself; empty: it never did.
        public OptionalInt ended() {
            Integer last = status;
            return last == null ? OptionalInt.empty() : OptionalInt.of(last);
        }

        private void launch() {
            // In a session of its own: Ctrl-C reaches this process only, which then ends its children in order.
            var command = new ArrayList<>(List.of("setsid"));
            command.addAll(program.command());
            var builder = new ProcessBuilder(command).redirectErrorStream(true);
            builder.environment().putAll(program.environment());
            if (program.directory() != null) {
                builder.directory(program.directory().toFile());
            }
            Process started;
            try {
                started = builder.start();
                started.getOutputStream().close();
            } catch (IOException e) {
                throw new Failure(program.name() + " cannot be started: " + e.getMessage());
            }
            process = started;
            guard.started(started.pid());
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
                int last = ended.waitFor();
                guard.ended(ended.pid());
                if (isClosing()) {
                    return; // not by itself
                }
                status = last;
                boolean again = switch (program.restart()) {
                    case Never -> false;
                    case OnFailure -> last != 0;
                    case Always -> true;
                };
                if (!again) {
                    log.problem(program.name(), "ended with status " + last);
                    return;
                }
                int failures = ranNanos > STEADY.toNanos() ? 0 : Math.min(starts.get() - 1, 10);
                Duration pause = Duration.ofMillis(Math.min(250L << failures, RESTART_PAUSE_MAX.toMillis()));
                log.problem(
                        program.name(),
                        "ended with status " + last + "; starting it again in " + pause.toMillis() + " ms");
                Thread.sleep(pause);
                if (!isClosing()) {
                    launch();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (Failure e) {
                log.problem(program.name(), String.valueOf(e.getMessage()));
            }
        }

        private void terminate() {
            Process running = process;
            if (running != null) {
                running.descendants().forEach(ProcessHandle::destroy);
                // By its handle: Process.destroy would close the pipe that its last words come by.
                running.toHandle().destroy();
            }
        }

        private void awaitEnd(long nanos) {
            Process running = process;
            if (running == null) {
                return;
            }
            try {
                if (!running.waitFor(Math.max(0, nanos), TimeUnit.NANOSECONDS)) {
                    log.problem(program.name(), "does not end by itself and is killed");
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
