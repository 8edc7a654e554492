package dev.mesh.cli.command;

import dev.mesh.cli.client.AdminClient;
import dev.mesh.cli.client.DumpSource;
import dev.mesh.cli.client.Failure;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Which proxy is looked into, and by which way.
final class SourceOptions {
    @Parameters(
            index = "0",
            arity = "0..1",
            paramLabel = "PROXY",
            description = "workload.namespace, workload, or a node id.")
    private @Nullable String proxy;

    @Option(
            names = "--admin",
            paramLabel = "HOST:PORT",
            description = "Ask this admin endpoint (of mesh-proxy or Envoy) instead.")
    private @Nullable String admin;

    @Option(
            names = {"-f", "--file"},
            paramLabel = "FILE",
            description = "Read a saved /config_dump, an Envoy bootstrap, or a folder of YAML instead.")
    private @Nullable Path file;

    @Mixin
    private final PilotOptions pilot = new PilotOptions();

    DumpSource open() {
        if (file != null) {
            return new DumpSource.ByFile(file, proxy);
        }
        if (admin != null) {
            return new DumpSource.ByAdmin(new AdminClient(admin));
        }
        if (proxy == null) {
            throw new Failure(
                    "say which proxy: PROXY, --admin HOST:PORT or --file FILE (meshctl proxy-status lists them)");
        }
        return new DumpSource.ByPilot(pilot.client(), proxy);
    }
}
