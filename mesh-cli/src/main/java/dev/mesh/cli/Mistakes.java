package dev.mesh.cli;

import dev.mesh.api.read.Suggestion;
import dev.mesh.cli.client.Failure;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/// What people read when something went wrong: one sentence, what was surely meant, and where to read on.
final class Mistakes {
    /// The command line is off.
    static final int USAGE = 2;
    /// Something could not be done, or the answer is no.
    static final int FAILED = 1;
    /// An error of meshctl itself.
    static final int BUG = 3;

    private final Ansi ansi;
    private final boolean debug;

    /// @param debug whether stack traces are wanted
    Mistakes(Ansi ansi, boolean debug) {
        this.ansi = ansi;
        this.debug = debug;
    }

    int usage(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        PrintWriter err = command.getErr();
        say(err, sentence(e));
        err.println("Try: " + command.getCommandSpec().qualifiedName() + " --help");
        err.flush();
        return USAGE;
    }

    private static String sentence(ParameterException e) {
        CommandSpec spec = e.getCommandLine().getCommandSpec();
        if (e instanceof UnmatchedArgumentException unmatched
                && !unmatched.getUnmatched().isEmpty()) {
            String word = unmatched.getUnmatched().getFirst();
            if (word.startsWith("-")) {
                String name = word.contains("=") ? word.substring(0, word.indexOf('=')) : word;
                return name + ": no such option of " + spec.qualifiedName()
                        + Suggestion.phrase(name, List.copyOf(spec.optionsMap().keySet()));
            }
            List<String> commands = new ArrayList<>(spec.subcommands().keySet());
            if (!commands.isEmpty()) {
                return "\"" + word + "\": no such command" + Suggestion.phrase(word, commands) + " (expected: one of "
                        + String.join(", ", names(spec)) + ")";
            }
            return "\"" + word + "\": one word too many";
        }
        if (e instanceof MissingParameterException missing) {
            return "missing: "
                    + String.join(
                            ", ",
                            missing.getMissing().stream()
                                    .map(argument -> argument.isOption()
                                            ? ((CommandLine.Model.OptionSpec) argument).longestName()
                                            : argument.paramLabel())
                                    .toList());
        }
        return String.valueOf(e.getMessage());
    }

    private static List<String> names(CommandSpec spec) {
        return spec.subcommands().values().stream()
                .map(CommandLine::getCommandName)
                .distinct()
                .toList();
    }

    int failure(Exception e, CommandLine command) {
        PrintWriter err = command.getErr();
        if (e instanceof Failure) {
            say(err, String.valueOf(e.getMessage()));
            err.flush();
            return FAILED;
        }
        say(err, "this is an error of meshctl itself: " + e + (debug ? "" : " (MESH_DEBUG=1 shows where)"));
        if (debug) {
            e.printStackTrace(err);
        }
        err.flush();
        return BUG;
    }

    private void say(PrintWriter err, String sentence) {
        String line = "meshctl: " + sentence;
        err.println(ansi.enabled() ? "\u001b[31m" + line + "\u001b[0m" : line);
    }
}
