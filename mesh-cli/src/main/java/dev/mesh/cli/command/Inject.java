package dev.mesh.cli.command;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.mesh.cli.client.Failure;
import dev.mesh.cli.client.PilotChild;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `meshctl inject -f FILE`: what the pilot's webhook does to pods, done to files.
@Command(
        name = "inject",
        description = {
            "Adds proxies to manifests, as the webhook would: Pods, Deployments and all else that has pods.",
            "",
            "The injector's settings are read from the cluster, or from files. What is said of the manifests goes to"
                    + " standard error."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  meshctl inject -f shop.yaml | kubectl apply -f -",
            "  kubectl get deployment shop -o yaml | meshctl inject -f - | kubectl apply -f -",
            "  meshctl inject -f shop.yaml --values values.yaml -o injected.yaml"
        })
public final class Inject implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Option(
            names = {"-f", "--filename"},
            required = true,
            paramLabel = "FILE",
            description = "Manifests; - is standard input. May be given several times.")
    @SuppressWarnings("NullAway.Init") // set by picocli
    private List<String> files;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FILE",
            description = "Where the manifests are written. Default: standard output")
    private @Nullable Path output;

    @Option(
            names = "--inject-config",
            paramLabel = "FILE",
            description = "The injector's policy and templates (key config of ConfigMap mesh-sidecar-injector).")
    private @Nullable String config;

    @Option(
            names = "--values",
            paramLabel = "FILE",
            description = "The chart's values (key values of ConfigMap mesh-sidecar-injector).")
    private @Nullable String values;

    @Option(
            names = "--mesh-config",
            paramLabel = "FILE",
            description = "The mesh's settings (key mesh of ConfigMap mesh).")
    private @Nullable String mesh;

    @Option(
            names = "--native-sidecars",
            paramLabel = "true|false",
            description = "Whether the cluster has them. Default: asked of the cluster; with files true")
    private @Nullable String nativeSidecars;

    @Mixin
    private final ClusterOptions cluster = new ClusterOptions();

    @Override
    public Integer call() {
        List<String> arguments = cluster.arguments();
        files.forEach(file -> ClusterOptions.add(arguments, "--file", file));
        ClusterOptions.add(arguments, "--inject-config", config);
        ClusterOptions.add(arguments, "--values", values);
        ClusterOptions.add(arguments, "--mesh-config", mesh);
        ClusterOptions.add(arguments, "--native-sidecars", nativeSidecars);
        JsonObject answer = PilotChild.run("inject", arguments, "injecting");
        var err = spec.commandLine().getErr();
        for (String list : List.of("findings", "skipped")) {
            for (JsonElement line : answer.getAsJsonArray(list)) {
                err.println(line.getAsString());
            }
        }
        err.flush();
        if (answer.get("refused").getAsBoolean()) {
            return 1;
        }
        String yaml = answer.get("yaml").getAsString();
        Path file = output;
        if (file == null) {
            spec.commandLine().getOut().print(yaml);
            spec.commandLine().getOut().flush();
            return 0;
        }
        try {
            Files.writeString(file, yaml);
        } catch (IOException e) {
            throw new Failure(file + ": cannot be written (" + e.getMessage() + ")");
        }
        return 0;
    }
}
