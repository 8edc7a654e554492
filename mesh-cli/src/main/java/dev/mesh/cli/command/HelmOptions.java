package dev.mesh.cli.command;

import dev.mesh.cli.client.Helm;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Which release of the charts, in which cluster.
final class HelmOptions {
    @Option(names = "--kubeconfig", paramLabel = "FILE", description = "Default: as kubectl finds it.")
    private @Nullable String kubeconfig;

    @Option(names = "--context", paramLabel = "NAME", description = "A context of the kubeconfig.")
    private @Nullable String context;

    @Option(
            names = {"-n", "--namespace"},
            paramLabel = "NAMESPACE",
            defaultValue = "mesh-system",
            description = "Where the mesh is. Default: ${DEFAULT-VALUE}")
    @SuppressWarnings("NullAway.Init") // set by picocli
    String namespace;

    @Option(
            names = "--release",
            paramLabel = "NAME",
            defaultValue = "mesh",
            description = "Helm's name for the installation. Default: ${DEFAULT-VALUE}")
    @SuppressWarnings("NullAway.Init") // set by picocli
    String release;

    @Option(
            names = "--timeout",
            paramLabel = "DURATION",
            defaultValue = "5m",
            description = "How long to wait until all is there and ready. Default: ${DEFAULT-VALUE}")
    @SuppressWarnings("NullAway.Init") // set by picocli
    String timeout;

    Helm helm() {
        var options = new ArrayList<String>();
        if (kubeconfig != null) {
            options.addAll(List.of("--kubeconfig", kubeconfig));
        }
        if (context != null) {
            options.addAll(List.of("--kube-context", context));
        }
        return Helm.find(System.getenv(), List.copyOf(options));
    }
}
