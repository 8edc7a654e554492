package dev.mesh.cli;

import dev.mesh.cli.client.Failure;
import dev.mesh.cli.command.Explain;
import dev.mesh.cli.command.ProxyConfig;
import dev.mesh.cli.command.ProxyStatusCommand;
import dev.mesh.cli.command.Up;
import dev.mesh.cli.command.Validate;
import dev.mesh.cli.command.Version;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.HelpCommand;

/// `meshctl`.
@Command(
        name = "meshctl",
        description = "Runs a mesh on this machine, and looks into it.",
        synopsisSubcommandLabel = "COMMAND",
        mixinStandardHelpOptions = true,
        versionProvider = Version.Provider.class,
        subcommands = {
            Up.class,
            ProxyStatusCommand.class,
            ProxyConfig.class,
            Explain.class,
            Validate.class,
            Version.class,
            HelpCommand.class
        })
public final class MeshCtl {
    public static void main(String[] args) {
        System.exit(commandLine().execute(args));
    }

    static CommandLine commandLine() {
        var line = new CommandLine(new MeshCtl());
        var completion = new CommandLine(new GenerateCompletion());
        completion
                .getCommandSpec()
                .usageMessage()
                .description("Prints a completion script: source <(meshctl completion)");
        line.addSubcommand("completion", completion);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setExecutionExceptionHandler((exception, command, parsed) -> {
            if (exception instanceof Failure) {
                command.getErr().println(command.getColorScheme().errorText("meshctl: " + exception.getMessage()));
                return ExitCode.SOFTWARE;
            }
            throw exception;
        });
        return line;
    }
}
