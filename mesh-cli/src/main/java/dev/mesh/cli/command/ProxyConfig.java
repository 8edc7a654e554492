package dev.mesh.cli.command;

import static dev.mesh.cli.client.Dump.array;
import static dev.mesh.cli.client.Dump.object;
import static dev.mesh.cli.client.Dump.string;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.mesh.cli.client.Dump;
import dev.mesh.cli.render.Output;
import dev.mesh.cli.render.Table;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `meshctl proxy-config`: what a proxy runs.
@Command(
        name = "proxy-config",
        aliases = "pc",
        description = "Shows what a proxy runs: listeners, routes, clusters, endpoints, bootstrap, all.",
        synopsisSubcommandLabel = "WHAT",
        mixinStandardHelpOptions = true)
public final class ProxyConfig {
    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    @Command(
            aliases = {"listener", "l"},
            description = "Listeners and where their filter chains lead.")
    int listeners(@Mixin SourceOptions source, @Mixin OutputOption form) {
        return show(source, form, Dump::listeners, listeners -> {
            var table = new Table("ADDRESS", "PORT", "MATCH", "DESTINATION", "NAME");
            for (var listener : listeners) {
                var address = object(object(listener, "address"), "socket_address");
                for (JsonElement chain : array(listener, "filter_chains")) {
                    table.row(
                            string(address, "address"),
                            string(address, "port_value"),
                            chainMatch(object(chain.getAsJsonObject(), "filter_chain_match")),
                            destination(chain.getAsJsonObject()),
                            string(listener, "name"));
                }
            }
            return table;
        });
    }

    @Command(
            aliases = {"route", "r"},
            description = "Route configurations: virtual hosts, matches, and the rule each came from.")
    int routes(@Mixin SourceOptions source, @Mixin OutputOption form) {
        return show(source, form, Dump::routes, configurations -> {
            var table = new Table("ROUTES", "DOMAINS", "MATCH", "DESTINATION", "FROM");
            for (var configuration : configurations) {
                for (JsonElement host : array(configuration, "virtual_hosts")) {
                    for (JsonElement route : array(host.getAsJsonObject(), "routes")) {
                        table.row(
                                string(configuration, "name"),
                                firstOf(array(host.getAsJsonObject(), "domains")),
                                routeMatch(object(route.getAsJsonObject(), "match")),
                                action(route.getAsJsonObject()),
                                provenance(route.getAsJsonObject()));
                    }
                }
            }
            return table;
        });
    }

    @Command(
            aliases = {"cluster", "c"},
            description = "Clusters.")
    int clusters(@Mixin SourceOptions source, @Mixin OutputOption form) {
        return show(source, form, Dump::clusters, clusters -> {
            var table = new Table("SERVICE", "PORT", "SUBSET", "DIRECTION", "TYPE", "POLICY");
            for (var cluster : clusters) {
                String name = string(cluster, "name");
                String[] parts = name.split("\\|", -1);
                String type = string(cluster, "type").isEmpty() ? "STATIC" : string(cluster, "type");
                String policy = string(cluster, "lb_policy").isEmpty() ? "ROUND_ROBIN" : string(cluster, "lb_policy");
                if (parts.length == 4) {
                    table.row(parts[3], parts[1], parts[2], parts[0], type, policy);
                } else {
                    table.row(name, "", "", "", type, policy);
                }
            }
            return table;
        });
    }

    @Command(
            aliases = {"endpoint", "ep"},
            description = "Endpoints of each cluster, with their health.")
    int endpoints(@Mixin SourceOptions source, @Mixin OutputOption form) {
        {
            var from = source.open();
            var answer = from.get("/clusters?format=json").getAsJsonObject();
            if (form.output != Output.TABLE) {
                return print(form, answer);
            }
            var table = new Table("ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER");
            for (JsonElement cluster : array(answer, "cluster_statuses")) {
                for (JsonElement host : array(cluster.getAsJsonObject(), "host_statuses")) {
                    var address = object(object(host.getAsJsonObject(), "address"), "socket_address");
                    var health = object(host.getAsJsonObject(), "health_status");
                    String eds = string(health, "eds_health_status");
                    table.row(
                            string(address, "address") + ":" + string(address, "port_value"),
                            eds.isEmpty() ? "UNKNOWN" : eds,
                            health.has("failed_outlier_check") ? "FAILED" : "OK",
                            string(cluster.getAsJsonObject(), "name"));
                }
            }
            return draw(table);
        }
    }

    @Command(aliases = "b", description = "The bootstrap that the proxy was started with.")
    int bootstrap(@Mixin SourceOptions source, @Mixin OutputOption form) {
        {
            var from = source.open();
            var found = new JsonArray();
            new Dump(from.get("/config_dump")).bootstrap().forEach(found::add);
            JsonElement one = found.size() == 1 ? found.get(0) : found;
            spec.commandLine().getOut().print((form.output == Output.TABLE ? Output.YAML : form.output).text(one));
            spec.commandLine().getOut().flush();
            return 0;
        }
    }

    @Command(aliases = "a", description = "The whole configuration dump (as JSON unless -o yaml).")
    int all(@Mixin SourceOptions source, @Mixin OutputOption form) {
        {
            var from = source.open();
            var answer = from.get("/config_dump?include_eds");
            spec.commandLine().getOut().print((form.output == Output.TABLE ? Output.JSON : form.output).text(answer));
            spec.commandLine().getOut().flush();
            return 0;
        }
    }

    private interface Section {
        List<JsonObject> of(Dump dump);
    }

    private interface Drawing {
        Table of(List<JsonObject> resources);
    }

    private int show(SourceOptions source, OutputOption form, Section section, Drawing drawing) {
        {
            var from = source.open();
            var found = section.of(new Dump(from.get("/config_dump?include_eds")));
            if (form.output == Output.TABLE) {
                return draw(drawing.of(found));
            }
            var array = new JsonArray();
            found.forEach(array::add);
            return print(form, array);
        }
    }

    private int print(OutputOption form, JsonElement tree) {
        spec.commandLine().getOut().print(form.output.text(tree));
        spec.commandLine().getOut().flush();
        return 0;
    }

    private int draw(Table table) {
        table.print(spec.commandLine().getOut(), Table.ansi(spec));
        return 0;
    }

    private static String chainMatch(JsonObject match) {
        var words = new StringJoiner("; ");
        if (match.has("destination_port")) {
            words.add("port " + string(match, "destination_port"));
        }
        for (String field : List.of("server_names", "application_protocols")) {
            if (match.has(field)) {
                words.add((field.equals("server_names") ? "SNI " : "ALPN ") + String.join(",", strings(match, field)));
            }
        }
        if (match.has("transport_protocol")) {
            words.add(string(match, "transport_protocol"));
        }
        return words.length() == 0 ? "ALL" : words.toString();
    }

    private static String destination(JsonObject chain) {
        for (JsonElement filter : array(chain, "filters")) {
            var config = object(filter.getAsJsonObject(), "typed_config");
            String type = string(config, "@type");
            if (type.endsWith("HttpConnectionManager")) {
                return config.has("rds")
                        ? "Route: " + string(object(config, "rds"), "route_config_name")
                        : "Inline Route: " + string(object(config, "route_config"), "name");
            }
            if (type.endsWith("TcpProxy")) {
                return config.has("cluster") ? "Cluster: " + string(config, "cluster") : weighted(config);
            }
        }
        return "";
    }

    private static String routeMatch(JsonObject match) {
        var words = new StringJoiner(", ");
        for (var kind :
                Map.of("prefix", "*", "path", "", "path_separated_prefix", "/*").entrySet()) {
            if (match.has(kind.getKey())) {
                words.add(string(match, kind.getKey()) + kind.getValue());
            }
        }
        if (match.has("safe_regex")) {
            words.add("regex " + string(object(match, "safe_regex"), "regex"));
        }
        for (JsonElement header : array(match, "headers")) {
            words.add("header " + string(header.getAsJsonObject(), "name"));
        }
        for (JsonElement parameter : array(match, "query_parameters")) {
            words.add("query " + string(parameter.getAsJsonObject(), "name"));
        }
        return words.toString();
    }

    private static String action(JsonObject route) {
        if (route.has("redirect")) {
            return "redirect";
        }
        if (route.has("direct_response")) {
            return "answer " + string(object(route, "direct_response"), "status");
        }
        var action = object(route, "route");
        if (action.has("cluster")) {
            return string(action, "cluster");
        }
        if (action.has("cluster_header")) {
            return "by header " + string(action, "cluster_header");
        }
        return weighted(action);
    }

    private static String weighted(JsonObject action) {
        var words = new StringJoiner(", ");
        for (JsonElement cluster : array(object(action, "weighted_clusters"), "clusters")) {
            words.add(string(cluster.getAsJsonObject(), "weight") + "x " + string(cluster.getAsJsonObject(), "name"));
        }
        return words.toString();
    }

    private static String provenance(JsonObject route) {
        var from = object(object(object(route, "metadata"), "filter_metadata"), "dev.mesh");
        String rule = string(from, "rule");
        return from.isEmpty()
                ? ""
                : string(from, "kind") + " " + string(from, "name") + "." + string(from, "namespace")
                        + (rule.isEmpty() ? "" : " (" + rule + ")");
    }

    private static String firstOf(JsonArray domains) {
        if (domains.isEmpty()) {
            return "";
        }
        String first = domains.get(0).getAsString();
        return domains.size() == 1 ? first : first + " + " + (domains.size() - 1) + " more";
    }

    private static List<String> strings(JsonObject object, String field) {
        return array(object, field).asList().stream()
                .map(JsonElement::getAsString)
                .toList();
    }
}
