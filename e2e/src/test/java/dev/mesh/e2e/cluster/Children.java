package dev.mesh.e2e.cluster;

import java.util.concurrent.TimeUnit;

/// Processes that a test has started.
public final class Children {
    private static final int PATIENCE_SECONDS = 15;

    private Children() {}

    /// Ends one as it would be ended in production: asked, and killed if it does not.
    public static void end(Process process) {
        process.destroy();
        try {
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
