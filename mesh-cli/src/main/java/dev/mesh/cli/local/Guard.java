package dev.mesh.cli.local;

import dev.mesh.cli.client.Failure;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/// A shell beside this process that ends the children if this process is killed and cannot do it itself: it is told
/// each child's id, and reads until the pipe between them breaks. Thread-safe.
final class Guard implements AutoCloseable {
    // Children lead sessions of their own, so -$child is the child and what it has started.
    private static final String SCRIPT = """
            trap '' INT HUP TERM
            children=
            while read -r what child; do
              case $what in
                started) children="$children $child" ;;
                ended) left=; for c in $children; do [ "$c" = "$child" ] || left="$left $c"; done; children=$left ;;
                done) exit 0 ;;
              esac
            done
            for child in $children; do kill -s TERM -- "-$child" 2>/dev/null; done
            for second in 1 2 3 4 5; do
              alive=
              for child in $children; do kill -s 0 -- "-$child" 2>/dev/null && alive=yes; done
              [ -n "$alive" ] || exit 0
              sleep 1
            done
            for child in $children; do kill -s KILL -- "-$child" 2>/dev/null; done
            """;

    private final Process shell;

    Guard() {
        try {
            shell = new ProcessBuilder("setsid", "sh", "-c", SCRIPT)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            throw new Failure(
                    "up needs the programs sh and setsid (Debian: apt-get install util-linux): " + e.getMessage());
        }
    }

    void started(long child) {
        tell("started " + child);
    }

    void ended(long child) {
        tell("ended " + child);
    }

    private synchronized void tell(String line) {
        try {
            OutputStream pipe = shell.getOutputStream();
            pipe.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
            pipe.flush();
        } catch (IOException e) {
            // Without its guard the mesh still ends as it should, but not when this process is killed.
            return;
        }
    }

    /// To be called when all children have ended.
    @Override
    public void close() {
        tell("done");
    }
}
