package dev.mesh.e2e.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Helm, as the holder of a kubeconfig.
public final class Helm {
    private static final long PATIENCE_MINUTES = 5;

    private final Path kubeconfig;

    public Helm(Path kubeconfig) {
        this.kubeconfig = kubeconfig;
    }

    /// Runs a command to its end, and gives what it printed on either channel.
    ///
    /// @throws AssertionError if it failed, with all that it said
    public String run(String... arguments) {
        var command = new ArrayList<>(List.of(System.getProperty("helm"), "--kubeconfig", kubeconfig.toString()));
        command.addAll(List.of(arguments));
        try {
            var process = new ProcessBuilder(command).redirectErrorStream(true).start();
            process.getOutputStream().close();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!process.waitFor(PATIENCE_MINUTES, TimeUnit.MINUTES)) {
                process.destroyForcibly();
                throw new AssertionError("helm " + String.join(" ", arguments) + " did not end: " + output);
            }
            if (process.exitValue() != 0) {
                throw new AssertionError("helm " + String.join(" ", arguments) + " failed: " + output);
            }
            return output;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted in helm " + String.join(" ", arguments), e);
        }
    }
}
