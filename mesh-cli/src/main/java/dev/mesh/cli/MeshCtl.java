package dev.mesh.cli;

import dev.mesh.cli.client.Progress;
import dev.mesh.cli.command.CheckInject;
import dev.mesh.cli.command.Completion;
import dev.mesh.cli.command.Explain;
import dev.mesh.cli.command.Inject;
import dev.mesh.cli.command.Install;
import dev.mesh.cli.command.ProxyConfig;
import dev.mesh.cli.command.ProxyStatusCommand;
import dev.mesh.cli.command.Uninstall;
import dev.mesh.cli.command.Up;
import dev.mesh.cli.command.Upgrade;
import dev.mesh.cli.command.Validate;
import dev.mesh.cli.command.Version;
import dev.mesh.cli.render.Terminal;
import java.util.LinkedHashMap;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Spec;

/// `meshctl`.
@Command(
        name = "meshctl",
        description = "Runs a mesh on this machine, and looks into it.",
        synopsisSubcommandLabel = "COMMAND",
        versionProvider = Version.Provider.class,
        subcommands = {
            Up.class,
            Install.class,
            Upgrade.class,
            Uninstall.class,
            ProxyStatusCommand.class,
            ProxyConfig.class,
            Explain.class,
            Validate.class,
            Inject.class,
            CheckInject.class,
            Version.class,
            Completion.class,
            HelpCommand.class
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  meshctl up examples/shop",
            "  meshctl proxy-status",
            "  meshctl explain http://reviews:8080/ --from storefront -H 'x-user: jason'",
            "  meshctl proxy-config routes storefront",
            "  meshctl validate -f examples/shop",
            "",
            "meshctl COMMAND --help says more of each."
        })
public final class MeshCtl implements Runnable {
    private static final int WIDEST = 120;

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    public static void main(String[] args) {
        System.exit(run(args));
    }

    @SuppressWarnings("SystemOut") // the command line's own channel
    private static int run(String[] args) {
        if (args.length == 1 && (args[0].equals("version") || args[0].equals("--version"))) {
            // Asked by scripts and prompts: nothing else is loaded for it.
            System.out.println(Version.line());
            return 0;
        }
        Progress.show(Terminal.ERR.isTerminal());
        return commandLine().execute(args);
    }

    /// Without a command: what there is.
    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }

    static CommandLine commandLine() {
        var line = new CommandLine(new MeshCtl());
        line.getCommandSpec()
                .addOption(OptionSpec.builder("-V", "--version")
                        .versionHelp(true)
                        .description("Prints the version.")
                        .build());
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setColorScheme(Help.defaultColorScheme(Terminal.OUT.ansi()));
        var mistakes = new Mistakes(
                Terminal.ERR.ansi(),
                !System.getenv().getOrDefault("MESH_DEBUG", "").isEmpty());
        line.setParameterExceptionHandler(mistakes::usage);
        line.setExecutionExceptionHandler((exception, command, parsed) -> mistakes.failure(exception, command));
        complete(line);
        return line;
    }

    // Every command has --help, as wide as the terminal, and says its exit codes.
    private static void complete(CommandLine line) {
        CommandSpec spec = line.getCommandSpec();
        if (!spec.optionsMap().containsKey("--help") && !spec.name().equals("help")) {
            spec.addOption(OptionSpec.builder("-h", "--help")
                    .usageHelp(true)
                    .description("Shows this help.")
                    .build());
        }
        spec.usageMessage().autoWidth(true);
        if (spec.usageMessage().width() > WIDEST) {
            spec.usageMessage().autoWidth(false).width(WIDEST);
        }
        spec.usageMessage().exitCodeListHeading("%nExit codes:%n");
        if (spec.usageMessage().exitCodeList().isEmpty()) {
            var codes = new LinkedHashMap<String, String>();
            codes.put("0", "fine");
            codes.put("1", "it could not be done, or the answer is no");
            codes.put("2", "the command line is off");
            codes.put("3", "an error of meshctl itself");
            spec.usageMessage().exitCodeList(codes);
        }
        line.getSubcommands().values().forEach(MeshCtl::complete);
    }
}
