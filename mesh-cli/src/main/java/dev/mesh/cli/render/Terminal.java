package dev.mesh.cli.render;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import picocli.CommandLine.Help.Ansi;

/// Whether somebody looks at what is written. Each of the two channels is judged by itself: an answer may go to a file
/// while errors are read.
public enum Terminal {
    OUT(1),
    ERR(2);

    private final int descriptor;

    Terminal(int descriptor) {
        this.descriptor = descriptor;
    }

    /// Colours for this channel: on a terminal only, and never with `NO_COLOR` (no-color.org) or a dumb one.
    public Ansi ansi() {
        return ansi(System.getenv(), isTerminal());
    }

    static Ansi ansi(Map<String, String> environment, boolean terminal) {
        boolean unwanted = !environment.getOrDefault("NO_COLOR", "").isEmpty()
                || environment.getOrDefault("TERM", "dumb").equals("dumb");
        return terminal && !unwanted ? Ansi.ON : Ansi.OFF;
    }

    public boolean isTerminal() {
        Path link = Path.of("/proc/self/fd/" + descriptor);
        try {
            String target = Files.readSymbolicLink(link).toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty") || target.equals("/dev/console");
        } catch (IOException | UnsupportedOperationException e) {
            return false; // where there is no /proc, nobody is known to look
        }
    }
}
