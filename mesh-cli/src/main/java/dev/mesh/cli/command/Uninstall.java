package dev.mesh.cli.command;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `meshctl uninstall`: takes the charts out of a cluster.
@Command(
        name = "uninstall",
        description = {
            "Removes the mesh from a cluster. Its kinds stay, and the objects of them.",
            "",
            "Pods that have sidecars keep them until they start anew."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  meshctl uninstall", "  meshctl uninstall -n mesh-system --release canary"})
public final class Uninstall implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Mixin
    private final HelmOptions release = new HelmOptions();

    @Override
    public Integer call() {
        release.helm()
                .run(
                        List.of(
                                "uninstall",
                                release.release,
                                "-n",
                                release.namespace,
                                "--wait",
                                "--timeout",
                                release.timeout),
                        "",
                        release.namespace,
                        line -> {});
        var out = spec.commandLine().getOut();
        out.println(release.release + " is gone from " + release.namespace
                + "; the kinds and their objects are still there");
        out.flush();
        return 0;
    }
}
