package dev.mesh.cli.command;

import dev.mesh.cli.client.PilotClient;
import picocli.CommandLine.Option;

/// Where the pilot is.
final class PilotOptions {
    @Option(
            names = "--pilot",
            paramLabel = "HOST:PORT",
            defaultValue = "${env:MESH_PILOT:-127.0.0.1:15010}",
            description = "The pilot's xDS port (default: MESH_PILOT, else 127.0.0.1:15010).")
    @SuppressWarnings("NullAway.Init") // set by picocli
    private String address;

    PilotClient client() {
        return new PilotClient(address);
    }
}
