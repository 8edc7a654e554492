package dev.mesh.cli.command;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `meshctl install`: the charts, into a cluster.
@Command(
        name = "install",
        description = {
            "Installs the mesh into a cluster: its kinds, the pilot and an ingress gateway.",
            "",
            "Runs Helm (MESH_HELM, or helm on the path) on charts/mesh of this distribution, and says what it waits for."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  meshctl install",
            "  meshctl install --set ingress.service.type=NodePort --timeout 3m",
            "  meshctl install -f values.yaml"
        })
public final class Install implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Mixin
    private final ChartOptions chart = new ChartOptions();

    @Override
    public Integer call() {
        return chart.run(spec, "installed", "install", "--create-namespace");
    }
}
