package dev.mesh.cli.command;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Which cluster, and which pilot in it.
final class ClusterOptions {
    @Option(names = "--kubeconfig", paramLabel = "FILE", description = "Default: as kubectl finds it.")
    @Nullable
    String kubeconfig;

    @Option(names = "--context", paramLabel = "NAME", description = "A context of the kubeconfig.")
    @Nullable
    String context;

    @Option(
            names = {"-i", "--mesh-namespace"},
            paramLabel = "NAMESPACE",
            defaultValue = "mesh-system",
            description = "Where the pilot is. Default: ${DEFAULT-VALUE}")
    @SuppressWarnings("NullAway.Init") // set by picocli
    String meshNamespace;

    @Option(
            names = {"-r", "--revision"},
            paramLabel = "REVISION",
            defaultValue = "default",
            description = "Of the pilot. Default: ${DEFAULT-VALUE}")
    @SuppressWarnings("NullAway.Init") // set by picocli
    String revision;

    /// As arguments of mesh-pilot.
    List<String> arguments() {
        var arguments = new ArrayList<>(List.of("--namespace", meshNamespace, "--revision", revision));
        add(arguments, "--kubeconfig", kubeconfig);
        add(arguments, "--context", context);
        return arguments;
    }

    static void add(List<String> arguments, String option, @Nullable String value) {
        if (value != null) {
            arguments.addAll(List.of(option, value));
        }
    }
}
