package dev.mesh.cli.command;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.mesh.api.proto.v1.ProxyStatus;
import dev.mesh.cli.render.Output;
import java.io.PrintWriter;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `meshctl version`.
@Command(
        name = "version",
        description = "Prints the version of meshctl, and with --remote those of the pilot and the proxies.",
        footerHeading = "%nExamples:%n",
        footer = {"  meshctl version", "  meshctl version --remote -o json"})
public final class Version implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Option(names = "--remote", description = "Ask the pilot for its version and those of its proxies.")
    private boolean remote;

    @Mixin
    private final PilotOptions pilot = new PilotOptions();

    @Mixin
    private final OutputOption form = new OutputOption();

    @Override
    public Integer call() {
        var answer = new JsonObject();
        answer.addProperty("meshctl", own());
        var counts = new TreeMap<String, Long>();
        var troubles = new JsonArray();
        if (remote) {
            try (var client = pilot.client()) {
                var proxies = client.proxies();
                answer.addProperty("pilot", proxies.getPilotVersion());
                proxies.getTroublesList().forEach(troubles::add);
                counts.putAll(proxies.getProxiesList().stream()
                        .collect(Collectors.groupingBy(ProxyStatus::getProxyVersion, Collectors.counting())));
            }
            var all = new JsonArray();
            counts.forEach((version, count) -> {
                var one = new JsonObject();
                one.addProperty("version", version);
                one.addProperty("count", count);
                all.add(one);
            });
            answer.add("proxies", all);
            answer.add("troubles", troubles);
        }
        PrintWriter out = spec.commandLine().getOut();
        if (form.output == Output.TABLE) {
            out.println(line());
            if (remote) {
                out.println("mesh-pilot " + answer.get("pilot").getAsString());
                counts.forEach((version, count) -> out.println(version + " (" + count + " connected)"));
                troubles.forEach(trouble -> out.println(trouble.getAsString()));
            }
        } else {
            out.print(form.output.text(answer));
        }
        out.flush();
        return 0;
    }

    static String own() {
        String version = Version.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    /// `meshctl 1.2.3`
    public static String line() {
        return "meshctl " + own();
    }

    /// For `--version`.
    public static final class Provider implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {line()};
        }
    }
}
