package dev.mesh.cli.command;

import dev.mesh.cli.client.Helm;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/// What `install` and `upgrade` have in common: a chart, its values, and waiting for it.
final class ChartOptions {
    @Option(names = "--chart", paramLabel = "FOLDER", description = "Default: charts/mesh of this distribution.")
    private @Nullable String chart;

    @Option(
            names = {"-f", "--values"},
            paramLabel = "FILE",
            description = "Values of the chart. May be given several times.")
    private List<String> values = List.of();

    @Option(
            names = "--set",
            paramLabel = "NAME=VALUE",
            description = "One value, such as global.tag=1.0. May be given several times.")
    private List<String> set = List.of();

    @Mixin
    private final HelmOptions release = new HelmOptions();

    /// @param command of Helm, with what it alone wants
    int run(CommandSpec spec, String done, String... command) {
        Helm helm = release.helm();
        var arguments = new ArrayList<>(List.of(command));
        arguments.add(release.release);
        arguments.add(
                chart == null
                        ? Helm.charts(System.getProperty("mesh.home", ""), "mesh")
                                .toString()
                        : chart);
        arguments.addAll(List.of("-n", release.namespace, "--wait", "--timeout", release.timeout));
        values.forEach(file -> arguments.addAll(List.of("-f", file)));
        set.forEach(value -> arguments.addAll(List.of("--set", value)));
        var out = spec.commandLine().getOut();
        out.println("waiting until " + release.release + " in " + release.namespace + " is ready (at most "
                + release.timeout + ")");
        out.flush();
        helm.run(arguments, release.release, release.namespace, line -> {
            out.println("  " + line);
            out.flush();
        });
        out.println(release.release + " is " + done + " in " + release.namespace);
        out.flush();
        return 0;
    }
}
