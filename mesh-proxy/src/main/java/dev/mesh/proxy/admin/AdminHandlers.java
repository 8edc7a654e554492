package dev.mesh.proxy.admin;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Timestamp;
import com.google.protobuf.util.JsonFormat;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.cluster.Cluster;
import dev.mesh.proxy.cluster.Host;
import dev.mesh.proxy.load.Entry;
import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stats.StatsStore;
import dev.mesh.proxy.stats.StatsText;
import io.envoyproxy.envoy.admin.v3.BootstrapConfigDump;
import io.envoyproxy.envoy.admin.v3.ClientResourceStatus;
import io.envoyproxy.envoy.admin.v3.ClustersConfigDump;
import io.envoyproxy.envoy.admin.v3.ConfigDump;
import io.envoyproxy.envoy.admin.v3.EndpointsConfigDump;
import io.envoyproxy.envoy.admin.v3.ListenersConfigDump;
import io.envoyproxy.envoy.admin.v3.RoutesConfigDump;
import io.envoyproxy.envoy.admin.v3.UpdateFailureState;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// What the admin endpoint answers, whoever carries the question.
public final class AdminHandlers {
    /// @param type of content
    public record Reply(int status, String type, String body) {
        static Reply text(String body) {
            return new Reply(200, "text/plain; charset=UTF-8", body);
        }

        static Reply json(String body) {
            return new Reply(200, "application/json", body);
        }
    }

    private static final Map<String, String> HELP = new TreeMap<>(Map.ofEntries(
            Map.entry("/", "this page"),
            Map.entry("/help", "this list"),
            Map.entry("/clusters", "hosts of each cluster with their counters; ?format=json"),
            Map.entry("/config_dump", "what runs, and what was refused; ?include_eds, ?resource=, ?name_regex="),
            Map.entry("/listeners", "bound addresses; ?format=json"),
            Map.entry("/stats", "statistics; ?usedonly, ?filter=, ?format=json|prometheus"),
            Map.entry("/stats/prometheus", "statistics for Prometheus"),
            Map.entry("/ready", "200 LIVE when the proxy serves, else 503"),
            Map.entry("/server_info", "version, state, node, uptime"),
            Map.entry("/memory", "heap in use"),
            Map.entry(
                    "/explain",
                    "which way a request would go, and why; ?url=, ?method=, ?authority=, ?headers=, ?listener=,"
                            + " ?inbound=true, ?source="),
            Map.entry("/logging", "POST ?level=LEVEL or ?LOGGER=LEVEL"),
            Map.entry("/drain_listeners", "POST: stop accepting, let connections end"),
            Map.entry("/reset_counters", "POST: counters to zero"),
            Map.entry("/quitquitquit", "POST: exit")));

    private static final List<String> CHANGES =
            List.of("/logging", "/drain_listeners", "/reset_counters", "/quitquitquit");

    private final AdminView view;
    private final JsonFormat.Printer printer;

    public AdminHandlers(AdminView view) {
        this.view = view;
        this.printer = JsonFormat.printer()
                .usingTypeRegistry(dev.mesh.api.decide.compile.EnvoyTypes.REGISTRY)
                .preservingProtoFieldNames();
    }

    /// Answers one question.
    public Reply handle(String method, String path, Map<String, String> query) {
        if (CHANGES.contains(path) && !method.equals("POST")) {
            return new Reply(405, "text/plain; charset=UTF-8", "Method Not Allowed: use POST\n");
        }
        return switch (path) {
            case "/" -> index();
            case "/help" -> help();
            case "/ready" ->
                view.state() == AdminView.State.LIVE
                        ? Reply.text("LIVE\n")
                        : new Reply(503, "text/plain; charset=UTF-8", view.state() + "\n");
            case "/server_info" -> serverInfo();
            case "/clusters" -> query.getOrDefault("format", "").equals("json") ? clustersJson() : clusters();
            case "/listeners" -> query.getOrDefault("format", "").equals("json") ? listenersJson() : listeners();
            case "/config_dump" -> configDump(query);
            case "/stats" -> stats(query);
            case "/stats/prometheus" -> prometheus(query);
            case "/memory" -> memory();
            case "/explain" -> ExplainHandler.explain(view, query);
            case "/logging" -> logging(query);
            case "/drain_listeners" -> {
                view.drain();
                yield Reply.text("OK\n");
            }
            case "/reset_counters" -> {
                view.stats().resetCounters();
                yield Reply.text("OK\n");
            }
            case "/quitquitquit" -> {
                view.quit();
                yield Reply.text("OK\n");
            }
            default -> new Reply(404, "text/plain; charset=UTF-8", "no such page; /help lists them\n");
        };
    }

    private static Reply index() {
        var page = new StringBuilder("<!doctype html><title>mesh-proxy admin</title><h1>mesh-proxy</h1><table>");
        HELP.forEach((path, what) -> page.append("<tr><td>")
                .append(CHANGES.contains(path) ? path : "<a href=\"" + path + "\">" + path + "</a>")
                .append("<td>")
                .append(what)
                .append("</tr>"));
        return new Reply(
                200, "text/html; charset=UTF-8", page.append("</table>").toString());
    }

    private static Reply help() {
        var text = new StringBuilder("admin commands are:\n");
        HELP.forEach((path, what) ->
                text.append("  ").append(path).append(": ").append(what).append('\n'));
        return Reply.text(text.toString());
    }

    /// Of this program.
    public static String version() {
        String version = AdminHandlers.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    private Reply serverInfo() {
        var info = new JsonObject();
        info.addProperty("version", "mesh-proxy/" + version());
        info.addProperty("state", view.state().toString());
        info.addProperty("uptime_current_epoch", view.uptimeSeconds() + "s");
        info.addProperty("uptime_all_epochs", view.uptimeSeconds() + "s");
        info.addProperty("push_id", view.pushId());
        var node = new JsonObject();
        node.addProperty("id", view.bootstrap().getNode().getId());
        node.addProperty("cluster", view.bootstrap().getNode().getCluster());
        info.add("node", node);
        return Reply.json(info.toString());
    }

    private Reply clusters() {
        var out = new StringBuilder();
        for (Cluster cluster : view.loader().clusters().clusters()) {
            String name = cluster.name();
            out.append(name)
                    .append("::observability_name::")
                    .append(cluster.spec().altStatName())
                    .append('\n');
            for (Host host : cluster.hosts()) {
                String at = name + "::" + text(host.address()) + "::";
                var stats = host.stats();
                line(out, at, "cx_active", stats.cxActive().value());
                line(out, at, "cx_connect_fail", stats.cxConnectFail().value());
                line(out, at, "cx_total", stats.cxTotal().value());
                line(out, at, "rq_active", stats.rqActive().value());
                line(out, at, "rq_error", stats.rqError().value());
                line(out, at, "rq_success", stats.rqSuccess().value());
                line(out, at, "rq_timeout", stats.rqTimeout().value());
                line(out, at, "rq_total", stats.rqTotal().value());
                out.append(at).append("hostname::").append(host.hostname()).append('\n');
                out.append(at)
                        .append("health_flags::")
                        .append(host.healthy() ? "healthy" : "/failed_outlier_check")
                        .append('\n');
                line(out, at, "weight", host.weight());
            }
        }
        return Reply.text(out.toString());
    }

    private static void line(StringBuilder out, String at, String name, long value) {
        out.append(at).append(name).append("::").append(value).append('\n');
    }

    private Reply clustersJson() {
        var statuses = new JsonArray();
        for (Cluster cluster : view.loader().clusters().clusters()) {
            var status = new JsonObject();
            status.addProperty("name", cluster.name());
            var hosts = new JsonArray();
            for (Host host : cluster.hosts()) {
                var one = new JsonObject();
                one.add("address", address(host.address()));
                one.add("stats", hostStats(host));
                var health = new JsonObject();
                health.addProperty("eds_health_status", "HEALTHY");
                if (!host.healthy()) {
                    health.addProperty("failed_outlier_check", true);
                }
                one.add("health_status", health);
                one.addProperty("weight", host.weight());
                if (!host.hostname().isEmpty()) {
                    one.addProperty("hostname", host.hostname());
                }
                hosts.add(one);
            }
            status.add("host_statuses", hosts);
            statuses.add(status);
        }
        var root = new JsonObject();
        root.add("cluster_statuses", statuses);
        return Reply.json(root.toString());
    }

    private static JsonArray hostStats(Host host) {
        var stats = new JsonArray();
        var from = host.stats();
        stat(stats, "cx_active", "GAUGE", from.cxActive().value());
        stat(stats, "cx_connect_fail", "COUNTER", from.cxConnectFail().value());
        stat(stats, "cx_total", "COUNTER", from.cxTotal().value());
        stat(stats, "rq_active", "GAUGE", from.rqActive().value());
        stat(stats, "rq_error", "COUNTER", from.rqError().value());
        stat(stats, "rq_success", "COUNTER", from.rqSuccess().value());
        stat(stats, "rq_timeout", "COUNTER", from.rqTimeout().value());
        stat(stats, "rq_total", "COUNTER", from.rqTotal().value());
        return stats;
    }

    private static void stat(JsonArray stats, String name, String type, long value) {
        var one = new JsonObject();
        one.addProperty("name", name);
        one.addProperty("value", Long.toString(value));
        one.addProperty("type", type);
        stats.add(one);
    }

    private static JsonObject address(InetSocketAddress address) {
        var socket = new JsonObject();
        socket.addProperty("address", address.getAddress().getHostAddress());
        socket.addProperty("port_value", address.getPort());
        var wrapped = new JsonObject();
        wrapped.add("socket_address", socket);
        return wrapped;
    }

    private Reply listeners() {
        var out = new StringBuilder();
        view.listeners()
                .bound()
                .forEach((name, addresses) -> addresses.forEach(address ->
                        out.append(name).append("::").append(text(address)).append('\n')));
        return Reply.text(out.toString());
    }

    private Reply listenersJson() {
        var statuses = new JsonArray();
        view.listeners()
                .bound()
                .forEach((name, addresses) -> addresses.forEach(address -> {
                    var status = new JsonObject();
                    status.addProperty("name", name);
                    status.add("local_address", address(address));
                    statuses.add(status);
                }));
        var root = new JsonObject();
        root.add("listener_statuses", statuses);
        return Reply.json(root.toString());
    }

    private static String text(InetSocketAddress address) {
        return address.getAddress().getHostAddress() + ":" + address.getPort();
    }

    // ---- statistics ----

    private Reply stats(Map<String, String> query) {
        String format = query.getOrDefault("format", "");
        Predicate<StatsStore.Entry> wanted;
        try {
            wanted = wanted(query);
        } catch (PatternSyntaxException e) {
            return new Reply(400, "text/plain; charset=UTF-8", "filter: " + e.getDescription() + "\n");
        }
        return switch (format) {
            case "prometheus" -> prometheus(query);
            case "json" -> {
                var all = new JsonArray();
                view.stats().forEach(entry -> {
                    if (wanted.test(entry)) {
                        var one = new JsonObject();
                        one.addProperty("name", entry.name());
                        switch (entry.metric()) {
                            case Counter counter -> one.addProperty("value", counter.value());
                            case Gauge gauge -> one.addProperty("value", gauge.value());
                            default -> {
                                return;
                            }
                        }
                        all.add(one);
                    }
                });
                var root = new JsonObject();
                root.add("stats", all);
                yield Reply.json(root.toString());
            }
            default -> Reply.text(StatsText.plain(view.stats(), wanted));
        };
    }

    private Reply prometheus(Map<String, String> query) {
        try {
            return new Reply(
                    200, "text/plain; version=0.0.4; charset=utf-8", StatsText.prometheus(view.stats(), wanted(query)));
        } catch (PatternSyntaxException e) {
            return new Reply(400, "text/plain; charset=UTF-8", "filter: " + e.getDescription() + "\n");
        }
    }

    private static Predicate<StatsStore.Entry> wanted(Map<String, String> query) {
        boolean used = query.containsKey("usedonly");
        String filter = query.get("filter");
        Pattern pattern = filter == null ? null : Pattern.compile(filter);
        return entry -> (!used || used(entry))
                && (pattern == null || pattern.matcher(entry.name()).find());
    }

    private static boolean used(StatsStore.Entry entry) {
        return switch (entry.metric()) {
            case Counter counter -> counter.value() != 0;
            case Gauge gauge -> gauge.value() != 0;
            default -> true;
        };
    }

    private static Reply memory() {
        Runtime runtime = Runtime.getRuntime();
        var info = new JsonObject();
        info.addProperty("allocated", Long.toString(runtime.totalMemory() - runtime.freeMemory()));
        info.addProperty("heap_size", Long.toString(runtime.totalMemory()));
        return Reply.json(info.toString());
    }

    private static Reply logging(Map<String, String> query) {
        if (query.isEmpty()) {
            return new Reply(400, "text/plain; charset=UTF-8", "expected: ?level=LEVEL or ?LOGGER=LEVEL\n");
        }
        query.forEach((name, level) -> LogControl.set(name.equals("level") ? "" : name, level));
        return Reply.text("OK\n");
    }

    // ---- configuration ----

    private Reply configDump(Map<String, String> query) {
        String nameRegex = query.get("name_regex");
        Pattern pattern;
        try {
            pattern = nameRegex == null ? null : Pattern.compile(nameRegex);
        } catch (PatternSyntaxException e) {
            return new Reply(400, "text/plain; charset=UTF-8", "name_regex: " + e.getDescription() + "\n");
        }
        List<Entry> entries = view.loader().dump().stream()
                .filter(entry ->
                        pattern == null || pattern.matcher(entry.name()).matches())
                .toList();
        var dump = ConfigDump.newBuilder();
        String resource = query.getOrDefault("resource", "");
        if (resource.isEmpty() || resource.equals("bootstrap")) {
            dump.addConfigs(com.google.protobuf.Any.pack(BootstrapConfigDump.newBuilder()
                    .setBootstrap(view.bootstrap())
                    .build()));
        }
        if (resource.isEmpty() || resource.endsWith("_clusters")) {
            dump.addConfigs(com.google.protobuf.Any.pack(clusterDump(entries)));
        }
        if (resource.isEmpty() || resource.endsWith("_listeners")) {
            dump.addConfigs(com.google.protobuf.Any.pack(listenerDump(entries)));
        }
        if (resource.isEmpty() || resource.endsWith("_route_configs")) {
            dump.addConfigs(com.google.protobuf.Any.pack(routeDump(entries)));
        }
        if (query.containsKey("include_eds") || resource.endsWith("_endpoint_configs")) {
            dump.addConfigs(com.google.protobuf.Any.pack(endpointDump(entries)));
        }
        try {
            return Reply.json(printer.print(dump));
        } catch (InvalidProtocolBufferException e) {
            return new Reply(500, "text/plain; charset=UTF-8", "cannot be printed: " + e.getMessage() + "\n");
        }
    }

    private static ClientResourceStatus status(Entry entry) {
        return entry.error().isEmpty() ? ClientResourceStatus.ACKED : ClientResourceStatus.NACKED;
    }

    private static @Nullable UpdateFailureState failure(Entry entry) {
        return entry.error().isEmpty()
                ? null
                : UpdateFailureState.newBuilder()
                        .setDetails(entry.error())
                        .setVersionInfo(entry.failedVersion())
                        .build();
    }

    private static Timestamp since(Entry entry) {
        var since = entry.since();
        return since == null
                ? Timestamp.getDefaultInstance()
                : Timestamp.newBuilder()
                        .setSeconds(since.getEpochSecond())
                        .setNanos(since.getNano())
                        .build();
    }

    private static List<Entry> of(List<Entry> entries, XdsType type) {
        var found = new ArrayList<Entry>();
        for (Entry entry : entries) {
            if (entry.type() == type) {
                found.add(entry);
            }
        }
        return found;
    }

    private static ClustersConfigDump clusterDump(List<Entry> entries) {
        var dump = ClustersConfigDump.newBuilder();
        for (Entry entry : of(entries, XdsType.CLUSTER)) {
            if (entry.isStatic()) {
                var one = ClustersConfigDump.StaticCluster.newBuilder().setLastUpdated(since(entry));
                if (entry.body() != null) {
                    one.setCluster(entry.body());
                }
                dump.addStaticClusters(one);
            } else {
                var one = ClustersConfigDump.DynamicCluster.newBuilder()
                        .setVersionInfo(entry.version().isEmpty() ? entry.warmingVersion() : entry.version())
                        .setLastUpdated(since(entry))
                        .setClientStatus(status(entry));
                if (entry.body() != null) {
                    one.setCluster(entry.body());
                }
                var failure = failure(entry);
                if (failure != null) {
                    one.setErrorState(failure);
                }
                if (entry.version().isEmpty() && entry.body() == null) {
                    dump.addDynamicWarmingClusters(one);
                } else {
                    dump.addDynamicActiveClusters(one);
                }
            }
        }
        return dump.build();
    }

    private static ListenersConfigDump listenerDump(List<Entry> entries) {
        var dump = ListenersConfigDump.newBuilder();
        for (Entry entry : of(entries, XdsType.LISTENER)) {
            if (entry.isStatic()) {
                var one = ListenersConfigDump.StaticListener.newBuilder().setLastUpdated(since(entry));
                if (entry.body() != null) {
                    one.setListener(entry.body());
                }
                dump.addStaticListeners(one);
            } else {
                var one = ListenersConfigDump.DynamicListener.newBuilder()
                        .setName(entry.name())
                        .setClientStatus(status(entry));
                if (entry.body() != null) {
                    one.setActiveState(ListenersConfigDump.DynamicListenerState.newBuilder()
                            .setVersionInfo(entry.version())
                            .setLastUpdated(since(entry))
                            .setListener(entry.body()));
                }
                if (!entry.warmingVersion().isEmpty()) {
                    one.setWarmingState(ListenersConfigDump.DynamicListenerState.newBuilder()
                            .setVersionInfo(entry.warmingVersion()));
                }
                var failure = failure(entry);
                if (failure != null) {
                    one.setErrorState(failure);
                }
                dump.addDynamicListeners(one);
            }
        }
        return dump.build();
    }

    private static RoutesConfigDump routeDump(List<Entry> entries) {
        var dump = RoutesConfigDump.newBuilder();
        List<Entry> hosts = of(entries, XdsType.VIRTUAL_HOST);
        for (Entry entry : of(entries, XdsType.ROUTE)) {
            var one = RoutesConfigDump.DynamicRouteConfig.newBuilder()
                    .setVersionInfo(entry.version())
                    .setLastUpdated(since(entry))
                    .setClientStatus(status(entry));
            if (entry.body() != null) {
                one.setRouteConfig(RouteMerge.withHosts(entry, hosts));
            }
            var failure = failure(entry);
            if (failure != null) {
                one.setErrorState(failure);
            }
            dump.addDynamicRouteConfigs(one);
        }
        return dump.build();
    }

    private static EndpointsConfigDump endpointDump(List<Entry> entries) {
        var dump = EndpointsConfigDump.newBuilder();
        for (Entry entry : of(entries, XdsType.ENDPOINT)) {
            var one = EndpointsConfigDump.DynamicEndpointConfig.newBuilder()
                    .setVersionInfo(entry.version())
                    .setLastUpdated(since(entry))
                    .setClientStatus(status(entry));
            if (entry.body() != null) {
                one.setEndpointConfig(entry.body());
            }
            dump.addDynamicEndpointConfigs(one);
        }
        return dump.build();
    }

    /// The parameters of a query, decoded; of one that stands twice the last.
    public static Map<String, String> query(URI uri) {
        var parameters = new LinkedHashMap<String, String>();
        String raw = uri.getRawQuery();
        if (raw != null) {
            for (String pair : raw.split("&", -1)) {
                int equals = pair.indexOf('=');
                String name = equals < 0 ? pair : pair.substring(0, equals);
                String value = equals < 0 ? "" : pair.substring(equals + 1);
                parameters.put(decode(name), decode(value));
            }
        }
        return parameters;
    }

    private static String decode(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return text;
        }
    }
}
