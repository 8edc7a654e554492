package dev.mesh.cli.command;

import dev.mesh.cli.render.Output;
import picocli.CommandLine.Option;

/// `-o table|json|yaml`
final class OutputOption {
    @Option(
            names = {"-o", "--output"},
            paramLabel = "FORM",
            defaultValue = "table",
            description = "table, json or yaml (default: ${DEFAULT-VALUE}).")
    @SuppressWarnings("NullAway.Init") // set by picocli
    Output output;
}
