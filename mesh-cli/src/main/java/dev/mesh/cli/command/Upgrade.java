package dev.mesh.cli.command;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `meshctl upgrade`: the charts, in a cluster that has them.
@Command(
        name = "upgrade",
        description = {
            "Brings the mesh of a cluster to this version, or to other values.",
            "",
            "Runs Helm (MESH_HELM, or helm on the path) on charts/mesh of this distribution, and says what it waits for. Values given at the installation stay unless given anew."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  meshctl upgrade", "  meshctl upgrade --set mesh-pilot.replicaCount=2"})
public final class Upgrade implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Mixin
    private final ChartOptions chart = new ChartOptions();

    @Override
    public Integer call() {
        return chart.run(spec, "upgraded", "upgrade", "--reset-then-reuse-values");
    }
}
