package dev.mesh.cli.command;

import dev.mesh.cli.client.Failure;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `meshctl completion bash|zsh`.
@Command(
        name = "completion",
        description = "Prints a script that completes meshctl's commands and options in bash and zsh.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  source <(meshctl completion bash)                        # this shell",
            "  meshctl completion bash > ~/.local/share/bash-completion/completions/meshctl",
            "  echo 'source <(meshctl completion zsh)' >> ~/.zshrc      # after compinit"
        })
public final class Completion implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(
            arity = "0..1",
            paramLabel = "SHELL",
            defaultValue = "bash",
            description = "bash or zsh (default: bash).")
    @SuppressWarnings("NullAway.Init") // set by picocli
    private String shell;

    @Override
    public Integer call() {
        String script = AutoComplete.bash("meshctl", spec.root().commandLine());
        switch (shell) {
            case "bash" -> spec.commandLine().getOut().print(script);
            // zsh takes bash's functions, once it has loaded both systems.
            case "zsh" ->
                spec.commandLine()
                        .getOut()
                        .print("autoload -Uz compinit && compinit -u\nautoload -Uz bashcompinit && bashcompinit\n"
                                + script);
            default -> throw new Failure("completion: \"" + shell + "\" (expected: bash or zsh)");
        }
        spec.commandLine().getOut().flush();
        return 0;
    }
}
