package dev.mesh.cli.command;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.mesh.cli.client.PilotChild;
import dev.mesh.cli.render.Output;
import dev.mesh.cli.render.Table;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `meshctl check-inject deployment/shop`: why pods get a proxy or none.
@Command(
        name = "check-inject",
        description = {
            "Says whether the pods of something in the cluster get a proxy, and which rule decides.",
            "",
            "First what each injector's webhook says to the labels of namespace and pod, then what the pilot says."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  meshctl check-inject deployment/storefront -n shop",
            "  meshctl check-inject storefront-7b69d6b8f6-x2x5k.shop"
        })
public final class CheckInject implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Parameters(
            paramLabel = "[KIND/]NAME[.NAMESPACE]",
            description = "A pod, deployment, statefulset, daemonset or job.")
    @SuppressWarnings("NullAway.Init") // set by picocli
    private String object;

    @Option(
            names = {"-n", "--namespace"},
            paramLabel = "NAMESPACE",
            description = "Of the object. Default: default")
    private @Nullable String namespace;

    @Mixin
    private final ClusterOptions cluster = new ClusterOptions();

    @Mixin
    private final OutputOption form = new OutputOption();

    @Override
    public Integer call() {
        String name = object;
        String place = namespace == null ? "default" : namespace;
        int dot = name.lastIndexOf('.');
        if (namespace == null && dot > 0) {
            place = name.substring(dot + 1);
            name = name.substring(0, dot);
        }
        List<String> arguments = cluster.arguments();
        ClusterOptions.add(arguments, "--object", name);
        ClusterOptions.add(arguments, "--object-namespace", place);
        JsonObject answer = PilotChild.run("check-inject", arguments, "asking the cluster");
        boolean injected = answer.get("injected").getAsBoolean();
        var out = spec.commandLine().getOut();
        if (form.output == Output.TABLE) {
            var table = new Table("CONFIGURATION", "WEBHOOK", "ASKED", "WHY");
            for (JsonElement element : answer.getAsJsonArray("webhooks")) {
                JsonObject webhook = element.getAsJsonObject();
                table.row(
                        webhook.get("configuration").getAsString(),
                        webhook.get("webhook").getAsString(),
                        webhook.get("asked").getAsBoolean() ? "yes" : "no",
                        webhook.get("reason").getAsString());
            }
            if (answer.getAsJsonArray("webhooks").isEmpty()) {
                out.println("no injector is in the cluster");
            } else {
                table.print(out, Table.ansi(spec));
            }
            out.println(answer.get("object").getAsString()
                    + (injected ? " gets a proxy: " : " gets no proxy: the pilot says: ")
                    + answer.get("pilot").getAsString());
        } else {
            out.print(form.output.text(answer));
        }
        out.flush();
        return injected ? 0 : 1;
    }
}
