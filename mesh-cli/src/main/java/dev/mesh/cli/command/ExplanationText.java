package dev.mesh.cli.command;

import dev.mesh.api.decide.explain.Explanation;
import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Help.Ansi;

/// An [Explanation] for people.
final class ExplanationText {
    private final PrintWriter out;
    private final Ansi ansi;

    ExplanationText(PrintWriter out, Ansi ansi) {
        this.out = out;
        this.ansi = ansi;
    }

    void print(Explanation explanation) {
        out.println(bold(explanation.request()));
        out.println("  " + plain(explanation.verdict()));
        out.println();
        String stage = "";
        for (Explanation.Step step : explanation.steps()) {
            if (!step.stage().equals(stage)) {
                stage = step.stage();
                out.println(bold(stage));
            }
            String mark = step.taken() ? ansi.string("@|green ✓|@") : ansi.string("@|faint ✗|@");
            out.println("  " + mark + " " + plain(step.name()) + ": " + plain(step.reason()) + from(step.from()));
        }
        var outcome = explanation.outcome();
        if (outcome != null) {
            print(outcome);
        }
        if (!explanation.leftOut().isEmpty()) {
            out.println(bold("rules that this proxy was not given"));
            explanation.leftOut().forEach(left -> out.println("  " + plain(left.from() + ": " + left.why())));
        }
    }

    private void print(Explanation.Outcome outcome) {
        out.println(bold("outcome"));
        out.println("  " + plain(outcome.action()) + from(outcome.from()));
        outcome.details().forEach(detail -> out.println("  " + plain(detail)));
        for (Explanation.ClusterShare cluster : outcome.clusters()) {
            out.println(bold("cluster ") + plain(cluster.cluster()) + ", "
                    + (cluster.loadBalancing().isEmpty() ? "unknown" : cluster.loadBalancing()));
            if (!cluster.note().isEmpty()) {
                out.println("  " + plain(cluster.note()));
            }
            cluster.endpoints()
                    .forEach(endpoint -> out.println("  " + endpoint.address() + "  "
                            + Math.round(endpoint.share() * 1000) / 10.0 + " %, weight " + endpoint.weight()
                            + (endpoint.health().isEmpty() ? "" : ", " + endpoint.health())));
        }
    }

    private static String from(Explanation.@Nullable Origin origin) {
        return origin == null ? "" : " [" + origin.toString().replace("@|", "@ |") + "]";
    }

    private String bold(String text) {
        return ansi.string("@|bold " + plain(text) + "|@");
    }

    // What comes from configuration is data: picocli's markup in it must not act.
    private static String plain(String text) {
        return text.replace("@|", "@ |").replace("|@", "| @");
    }
}
