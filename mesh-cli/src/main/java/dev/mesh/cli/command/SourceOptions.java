package dev.mesh.cli.command;

import dev.mesh.cli.client.AdminClient;
import dev.mesh.cli.client.DumpSource;
import dev.mesh.cli.client.Failure;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Which proxy is looked into, and by which way.
final class SourceOptions {
    @Option(
            names = "--admin",
            paramLabel = "HOST:PORT",
            description = "Ask this admin endpoint, of mesh-proxy or Envoy.")
    private @Nullable String admin;

    @Option(names = "--file", paramLabel = "FILE", description = "Read a saved /config_dump.")
    private @Nullable Path file;

    DumpSource open() {
        if (file != null) {
            return new DumpSource.ByFile(file);
        }
        if (admin != null) {
            return new DumpSource.ByAdmin(new AdminClient(admin));
        }
        throw new Failure("say which proxy: --admin HOST:PORT, or --file FILE");
    }
}
