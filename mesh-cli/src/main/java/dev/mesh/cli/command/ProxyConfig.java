package dev.mesh.cli.command;

import static dev.mesh.cli.client.Dump.array;
import static dev.mesh.cli.client.Dump.object;
import static dev.mesh.cli.client.Dump.objects;
import static dev.mesh.cli.client.Dump.string;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.mesh.api.proto.v1.Question;
import dev.mesh.api.proto.v1.SetLogLevel;
import dev.mesh.cli.client.Dump;
import dev.mesh.cli.client.Failure;
import dev.mesh.cli.render.Output;
import dev.mesh.cli.render.Table;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `meshctl proxy-config`: what a proxy runs.
@Command(
        name = "proxy-config",
        aliases = "pc",
        description = {
            "Shows what a proxy runs: of a connected proxy by the pilot (PROXY), of any admin endpoint (--admin), or of a"
                    + " file (--file: a saved /config_dump, an Envoy bootstrap, or a folder of YAML with PROXY)."
        },
        synopsisSubcommandLabel = "WHAT",
        footerHeading = "%nExamples:%n",
        footer = {
            "  meshctl proxy-config routes storefront",
            "  meshctl pc clusters storefront.shop --fqdn reviews --direction outbound",
            "  meshctl pc endpoints storefront --port 8080 -o json",
            "  meshctl pc names client.shop --fqdn db.internal",
            "  meshctl pc listeners --admin 127.0.0.1:15000",
            "  meshctl pc all storefront --file examples/shop"
        })
public final class ProxyConfig implements Runnable {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    /// Without WHAT: what there is.
    @Override
    public void run() {
        spec.commandLine().usage(out());
    }

    @Command(
            aliases = {"listener", "l"},
            description = "Listeners and where their filter chains lead.")
    int listeners(
            @Mixin SourceOptions source,
            @Mixin OutputOption form,
            @Option(names = "--address", paramLabel = "IP", description = "Only listeners of this address.") @Nullable
                    String address,
            @Option(names = "--port", paramLabel = "PORT", description = "Only listeners of this port.") @Nullable
                    String port) {
        var found = only(dump(source).listeners(), listener -> {
            var socket = object(object(listener, "address"), "socket_address");
            return is(address, string(socket, "address")) && is(port, string(socket, "port_value"));
        });
        return show(form, found, ConfigTables.listeners(found));
    }

    @Command(
            aliases = {"route", "r"},
            description = "Route configurations: virtual hosts, matches, and the rule each came from.")
    int routes(
            @Mixin SourceOptions source,
            @Mixin OutputOption form,
            @Option(names = "--name", paramLabel = "NAME", description = "Only the route configuration of this name.")
                    @Nullable
                    String name) {
        var found = only(dump(source).routes(), routes -> is(name, string(routes, "name")));
        return show(form, found, ConfigTables.routes(found));
    }

    @Command(
            aliases = {"cluster", "c"},
            description = "Clusters.")
    int clusters(
            @Mixin SourceOptions source,
            @Mixin OutputOption form,
            @Option(
                            names = "--fqdn",
                            paramLabel = "HOST",
                            description = "Only clusters of this service: its whole name, or how it starts.")
                    @Nullable
                    String host,
            @Option(names = "--port", paramLabel = "PORT", description = "Only clusters of this port.") @Nullable
                    String port,
            @Option(names = "--subset", paramLabel = "SUBSET", description = "Only clusters of this subset.") @Nullable
                    String subset,
            @Option(names = "--direction", paramLabel = "DIRECTION", description = "inbound or outbound.") @Nullable
                    String direction) {
        var found = only(dump(source).clusters(), cluster -> {
            var name = ConfigTables.ClusterName.of(string(cluster, "name"));
            return (host == null || name.host().equals(host) || name.host().startsWith(host + "."))
                    && is(port, name.port())
                    && is(subset, name.subset())
                    && is(direction == null ? null : direction.toLowerCase(Locale.ROOT), name.direction());
        });
        return show(form, found, ConfigTables.clusters(found));
    }

    @Command(
            aliases = {"endpoint", "ep"},
            description = "Endpoints of each cluster, with their health.")
    int endpoints(
            @Mixin SourceOptions source,
            @Mixin OutputOption form,
            @Option(names = "--address", paramLabel = "IP", description = "Only endpoints of this address.") @Nullable
                    String address,
            @Option(names = "--port", paramLabel = "PORT", description = "Only endpoints of this port.") @Nullable
                    String port,
            @Option(names = "--cluster", paramLabel = "NAME", description = "Only endpoints of this cluster.") @Nullable
                    String cluster,
            @Option(names = "--status", paramLabel = "STATUS", description = "Only endpoints that are, say, HEALTHY.")
                    @Nullable
                    String status) {
        var answer = source.open().clusters().getAsJsonObject();
        var all = new JsonArray();
        for (JsonObject element : objects(answer, "cluster_statuses")) {
            if (!is(cluster, string(element, "name"))) {
                continue;
            }
            var one = element.deepCopy().getAsJsonObject();
            var hosts = new JsonArray();
            for (JsonObject host : objects(one, "host_statuses")) {
                var socket = object(object(host, "address"), "socket_address");
                if (is(address, string(socket, "address"))
                        && is(port, string(socket, "port_value"))
                        && (status == null || status.equalsIgnoreCase(ConfigTables.health(host)))) {
                    hosts.add(host);
                }
            }
            one.add("host_statuses", hosts);
            all.add(one);
        }
        if (form.output == Output.TABLE) {
            return draw(ConfigTables.endpoints(
                    all.asList().stream().map(JsonElement::getAsJsonObject).toList()));
        }
        var root = new JsonObject();
        root.add("cluster_statuses", all);
        return print(form.output, root);
    }

    @Command(
            aliases = {"name", "n"},
            description = "The names that the proxy answers DNS questions for, where it captures them.")
    int names(
            @Mixin SourceOptions source,
            @Mixin OutputOption form,
            @Option(
                            names = "--fqdn",
                            paramLabel = "HOST",
                            description = "Only names of this service: its whole name, or how it starts.")
                    @Nullable
                    String host,
            @Option(names = "--address", paramLabel = "IP", description = "Only names that have this address.")
                    @Nullable
                    String address) {
        var found = new JsonObject();
        var table = object(source.open().names().getAsJsonObject(), "table");
        for (String name : new TreeSet<>(table.keySet())) {
            var info = object(table, name);
            if ((host == null || name.equals(host) || name.startsWith(host + "."))
                    && (address == null || array(info, "ips").contains(new JsonPrimitive(address)))) {
                found.add(name, info);
            }
        }
        if (form.output == Output.TABLE) {
            return draw(ConfigTables.names(found));
        }
        var root = new JsonObject();
        root.add("table", found);
        return print(form.output, root);
    }

    @Command(aliases = "b", description = "The bootstrap that the proxy was started with (as YAML unless -o json).")
    int bootstrap(@Mixin SourceOptions source, @Mixin OutputOption form) {
        var found = new JsonArray();
        dump(source).bootstrap().forEach(found::add);
        return print(form.output == Output.TABLE ? Output.YAML : form.output, found.size() == 1 ? found.get(0) : found);
    }

    @Command(aliases = "a", description = "Listeners, routes, clusters and endpoints; as JSON or YAML the whole dump.")
    int all(@Mixin SourceOptions source, @Mixin OutputOption form) {
        JsonElement answer = source.open().dump();
        if (form.output != Output.TABLE) {
            return print(form.output, answer);
        }
        var dump = new Dump(answer);
        draw(ConfigTables.clusters(dump.clusters()));
        out().println();
        draw(ConfigTables.listeners(dump.listeners()));
        out().println();
        draw(ConfigTables.routes(dump.routes()));
        out().println();
        return draw(ConfigTables.endpoints(objects(dump.clusterStatuses(), "cluster_statuses")));
    }

    @Command(
            description = "Sets log levels of a connected mesh-proxy.",
            footerHeading = "%nExamples:%n",
            footer = {
                "  meshctl proxy-config log storefront --level debug",
                "  meshctl pc log storefront --level dev.mesh.proxy.xds=trace"
            })
    int log(
            @Parameters(paramLabel = "PROXY", description = "workload.namespace, workload, or a node id.") String proxy,
            @Option(
                            names = "--level",
                            required = true,
                            split = ",",
                            paramLabel = "LEVEL",
                            description = "trace, debug, info, warning, error, off; of one logger: LOGGER=LEVEL.")
                    List<String> levels,
            @Mixin PilotOptions pilot) {
        var question = SetLogLevel.newBuilder();
        for (String level : levels) {
            String[] parts = level.split("[=:]", 2);
            String value = parts[parts.length - 1].toLowerCase(Locale.ROOT);
            if (!List.of("trace", "debug", "info", "warning", "warn", "error", "critical", "off")
                    .contains(value)) {
                throw new Failure("--level: \"" + level
                        + "\" (expected: trace, debug, info, warning, error or off, or LOGGER=LEVEL)");
            }
            question.putLevels(parts.length == 1 ? "" : parts[0], value);
        }
        try (var client = pilot.client()) {
            client.ask(client.find(proxy), Question.newBuilder().setSetLogLevel(question));
        }
        out().println("set");
        out().flush();
        return 0;
    }

    private static Dump dump(SourceOptions source) {
        return new Dump(source.open().dump());
    }

    private static boolean is(@Nullable String wanted, String value) {
        return wanted == null || wanted.equals(value);
    }

    private static List<JsonObject> only(List<JsonObject> all, Predicate<JsonObject> wanted) {
        return all.stream().filter(wanted).toList();
    }

    private int show(OutputOption form, List<JsonObject> found, Table table) {
        if (form.output == Output.TABLE) {
            return draw(table);
        }
        var array = new JsonArray();
        found.forEach(array::add);
        return print(form.output, array);
    }

    private int print(Output form, JsonElement tree) {
        out().print(form.text(tree));
        out().flush();
        return 0;
    }

    private int draw(Table table) {
        table.print(out(), Table.ansi(spec));
        return 0;
    }

    private PrintWriter out() {
        return spec.commandLine().getOut();
    }
}
