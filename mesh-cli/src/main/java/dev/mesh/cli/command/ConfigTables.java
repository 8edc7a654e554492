package dev.mesh.cli.command;

import static dev.mesh.cli.client.Dump.array;
import static dev.mesh.cli.client.Dump.object;
import static dev.mesh.cli.client.Dump.objects;
import static dev.mesh.cli.client.Dump.string;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.mesh.cli.render.Table;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;

/// Resources as rows. Pure.
final class ConfigTables {
    private static final Map<String, String> PATHS = new LinkedHashMap<>();

    static {
        PATHS.put("prefix", "*");
        PATHS.put("path", "");
        PATHS.put("path_separated_prefix", "/*");
    }

    private ConfigTables() {}

    static Table listeners(List<JsonObject> listeners) {
        var table = new Table("ADDRESS", "PORT", "MATCH", "DESTINATION", "NAME");
        for (var listener : listeners) {
            var address = object(object(listener, "address"), "socket_address");
            var chains = new ArrayList<>(objects(listener, "filter_chains"));
            if (listener.has("default_filter_chain")) {
                chains.add(object(listener, "default_filter_chain"));
            }
            for (JsonObject chain : chains) {
                table.row(
                        string(address, "address"),
                        string(address, "port_value"),
                        chainMatch(object(chain, "filter_chain_match")),
                        destination(chain),
                        string(listener, "name"));
            }
        }
        return table;
    }

    static Table routes(List<JsonObject> configurations) {
        var table = new Table("ROUTES", "DOMAINS", "MATCH", "DESTINATION", "FROM");
        for (var configuration : configurations) {
            for (JsonObject host : objects(configuration, "virtual_hosts")) {
                for (JsonObject route : objects(host, "routes")) {
                    table.row(
                            string(configuration, "name"),
                            firstOf(array(host, "domains")),
                            routeMatch(object(route, "match")),
                            action(route),
                            provenance(route));
                }
            }
        }
        return table;
    }

    static Table clusters(List<JsonObject> clusters) {
        var table = new Table("SERVICE", "PORT", "SUBSET", "DIRECTION", "TYPE", "POLICY");
        for (var cluster : clusters) {
            var name = ClusterName.of(string(cluster, "name"));
            String type = string(cluster, "type").isEmpty() ? "STATIC" : string(cluster, "type");
            String policy = string(cluster, "lb_policy").isEmpty() ? "ROUND_ROBIN" : string(cluster, "lb_policy");
            table.row(name.host(), name.port(), name.subset(), name.direction(), type, policy);
        }
        return table;
    }

    static Table endpoints(List<JsonObject> clusterStatuses) {
        var table = new Table("ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER");
        for (var cluster : clusterStatuses) {
            for (JsonObject host : objects(cluster, "host_statuses")) {
                var health = object(host, "health_status");
                table.row(
                        endpoint(host),
                        health(host),
                        health.has("failed_outlier_check") ? "FAILED" : "OK",
                        string(cluster, "name"));
            }
        }
        return table;
    }

    /// @param table name → what is known of it
    static Table names(JsonObject table) {
        var rows = new Table("NAME", "ADDRESSES", "REGISTRY", "NAMESPACE");
        for (String name : table.keySet()) {
            var info = object(table, name);
            var addresses = new StringJoiner(",");
            array(info, "ips").forEach(address -> addresses.add(address.getAsString()));
            rows.row(name, addresses.toString(), string(info, "registry"), string(info, "namespace"));
        }
        return rows;
    }

    /// `outbound|8080|v1|reviews.shop.svc.cluster.local`, or any other name as host.
    record ClusterName(String direction, String port, String subset, String host) {
        static ClusterName of(String name) {
            String[] parts = name.split("\\|", -1);
            return parts.length == 4
                    ? new ClusterName(parts[0], parts[1], parts[2], parts[3])
                    : new ClusterName("", "", "", name);
        }
    }

    /// `address:port` of a host status.
    static String endpoint(JsonObject host) {
        var address = object(object(host, "address"), "socket_address");
        String pipe = string(object(object(host, "address"), "pipe"), "path");
        return pipe.isEmpty() ? string(address, "address") + ":" + string(address, "port_value") : pipe;
    }

    static String health(JsonObject host) {
        String eds = string(object(host, "health_status"), "eds_health_status");
        return eds.isEmpty() ? "UNKNOWN" : eds;
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
        for (JsonObject filter : objects(chain, "filters")) {
            var config = object(filter, "typed_config");
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
        PATHS.forEach((kind, after) -> {
            if (match.has(kind)) {
                words.add(string(match, kind) + after);
            }
        });
        if (match.has("safe_regex")) {
            words.add("regex " + string(object(match, "safe_regex"), "regex"));
        }
        for (JsonObject header : objects(match, "headers")) {
            words.add("header " + string(header, "name"));
        }
        for (JsonObject parameter : objects(match, "query_parameters")) {
            words.add("query " + string(parameter, "name"));
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
        for (JsonObject cluster : objects(object(action, "weighted_clusters"), "clusters")) {
            words.add(string(cluster, "weight") + "x " + string(cluster, "name"));
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
