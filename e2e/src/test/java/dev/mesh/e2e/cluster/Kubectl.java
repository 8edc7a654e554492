package dev.mesh.e2e.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Kubernetes' own command line, as the holder of a kubeconfig.
public final class Kubectl {
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private final Path kubeconfig;

    /// @param kubeconfig whom it speaks to, and as whom
    public Kubectl(Path kubeconfig) {
        this.kubeconfig = kubeconfig;
    }

    /// What a command has printed, and how it ended.
    ///
    /// @param status 0 if all went well
    public record Result(List<String> command, int status, String output, String errors) {
        /// @throws AssertionError if it failed, with all that it said
        public Result succeeded() {
            if (status != 0) {
                throw new AssertionError(
                        "kubectl %s ended with %d:%n%s%s".formatted(String.join(" ", command), status, output, errors));
            }
            return this;
        }
    }

    /// Runs a command to its end: `get pods -o json`. Gives what it printed.
    ///
    /// @throws AssertionError if it failed
    public String run(String... arguments) {
        return execute("", arguments).succeeded().output();
    }

    /// Creates or changes the objects of some YAML.
    ///
    /// @throws AssertionError if one of them was refused
    public String apply(String yaml) {
        return execute(yaml, "apply", "-f", "-").succeeded().output();
    }

    /// Runs a command that may fail.
    ///
    /// @param input what it reads from its input
    public Result execute(String input, String... arguments) {
        try {
            Path errors = Files.createTempFile("kubectl", ".err");
            try {
                var process = new ProcessBuilder(command(arguments))
                        .redirectError(errors.toFile())
                        .start();
                Thread feeder = Thread.ofVirtual().start(() -> feed(process, input));
                Thread guard = Thread.ofVirtual().start(() -> endIfLate(process));
                String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                int status = process.waitFor();
                guard.interrupt();
                feeder.join();
                return new Result(List.of(arguments), status, output, Files.readString(errors));
            } finally {
                Files.delete(errors);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted in kubectl " + String.join(" ", arguments), e);
        }
    }

    /// The command line of this program with some arguments, for what runs longer than a call.
    List<String> command(String... arguments) {
        var command =
                new ArrayList<>(List.of(System.getProperty("kube"), "kubectl", "--kubeconfig", kubeconfig.toString()));
        command.addAll(List.of(arguments));
        return command;
    }

    private static void feed(Process process, String input) {
        try (var out = process.getOutputStream()) {
            out.write(input.getBytes(StandardCharsets.UTF_8));
        } catch (IOException _) {
            // It has ended without reading; its status says why.
        }
    }

    private static void endIfLate(Process process) {
        try {
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException _) {
            // It has ended by itself.
        }
    }
}
