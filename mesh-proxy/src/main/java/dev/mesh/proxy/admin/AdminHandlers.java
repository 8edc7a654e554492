package dev.mesh.proxy.admin;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What the admin endpoint answers, whoever carries the question: Envoy's paths, parameters and forms.
public final class AdminHandlers {
    /// @param type of content
    public record Reply(int status, String type, String body) {
        static final String TEXT = "text/plain; charset=UTF-8";

        static Reply text(String body) {
            return new Reply(200, TEXT, body);
        }

        static Reply json(String body) {
            return new Reply(200, "application/json", body);
        }

        /// The question is off.
        static Reply wrong(String why) {
            return new Reply(400, TEXT, why + "\n");
        }
    }

    private interface Handler {
        Reply answer(Map<String, String> query);
    }

    /// @param changes whether it does something, and so takes POST only
    /// @param parameters name: what it is for, each
    private record Page(String path, boolean changes, String what, List<String> parameters, Handler handler) {}

    private final Map<String, Page> pages = new LinkedHashMap<>();

    public AdminHandlers(AdminView view) {
        var clusters = new ClustersHandler(view);
        var dump = new ConfigDumpHandler(view);
        var server = new ServerHandler(view);
        var stats = new StatsHandler(view);
        get("/", "admin home page", List.of(), query -> index());
        get("/certs", "certificates in use", List.of(), server::certs);
        get(
                "/clusters",
                "upstream cluster status",
                List.of("filter: RE2, found anywhere in a cluster's name", "format: text or json"),
                clusters::clusters);
        get(
                "/config_dump",
                "what runs, and what was refused",
                List.of(
                        "resource: only the elements of this repeated field, such as dynamic_listeners",
                        "mask: only these fields, a field mask such as cluster.name",
                        "name_regex: RE2, only what has a name that matches as a whole",
                        "include_eds: with the endpoints"),
                dump::dump);
        get(
                "/debug/ndsz",
                "the names of the mesh that DNS questions are answered for",
                List.of(),
                query -> NamesHandler.names(view));
        post(
                "/drain_listeners",
                "stop accepting, and let connections end",
                List.of(
                        "graceful: tell connections to end, and go on accepting for the drain time",
                        "inboundonly: only listeners for inbound traffic",
                        "skip_exit: with graceful, go on accepting after it, too"),
                server::drainListeners);
        get(
                "/explain",
                "which way a request would go, and why",
                List.of(
                        "url: http://host:port/path, or tcp://host:port",
                        "method, authority, source, listener, inbound=true: of the request",
                        "headers: name: value, one a line"),
                query -> ExplainHandler.explain(view, query));
        post(
                "/healthcheck/fail",
                "answer /ready with 503 from now on, and tell connections to end",
                List.of(),
                server::failHealthCheck);
        post("/healthcheck/ok", "take that back", List.of(), server::passHealthCheck);
        get("/help", "print out list of admin commands", List.of(), query -> Reply.text(help()));
        get("/hot_restart_version", "there is no hot restart", List.of(), query -> Reply.text("disabled"));
        get("/init_dump", "what is still waited for", List.of(), server::initDump);
        get("/listeners", "bound addresses", List.of("format: text or json"), clusters::listeners);
        post(
                "/logging",
                "query or change logging levels",
                List.of(
                        "level: of all loggers: trace, debug, info, warning, error, critical or off",
                        "paths: LOGGER:LEVEL,LOGGER:LEVEL",
                        "LOGGER: the level of this logger"),
                LogControl::logging);
        get("/memory", "heap in use", List.of(), server::memory);
        post("/quitquitquit", "exit the server", List.of(), server::quit);
        get("/ready", "200 LIVE when the proxy serves, else 503", List.of(), server::ready);
        post("/reset_counters", "reset all counters to zero", List.of(), server::resetCounters);
        get("/server_info", "version, state, node, uptime", List.of(), server::serverInfo);
        List<String> filters = List.of(
                "filter: RE2, found anywhere in a statistic's name",
                "usedonly: only what was ever set",
                "type: Counters, Gauges, Histograms or All");
        get("/stats", "statistics", withFormat(filters), stats::stats);
        get("/stats/prometheus", "statistics for Prometheus", filters, stats::prometheus);
    }

    private static List<String> withFormat(List<String> filters) {
        return java.util.stream.Stream.concat(
                        filters.stream(), java.util.stream.Stream.of("format: text, json or prometheus"))
                .toList();
    }

    private void get(String path, String what, List<String> parameters, Handler handler) {
        pages.put(path, new Page(path, false, what, parameters, handler));
    }

    private void post(String path, String what, List<String> parameters, Handler handler) {
        pages.put(path, new Page(path, true, what, parameters, handler));
    }

    /// Answers one question.
    public Reply handle(String method, String path, Map<String, String> query) {
        Page page = pages.get(path);
        if (page == null) {
            return new Reply(404, Reply.TEXT, "invalid path. " + help());
        }
        if (page.changes() && !method.equals("POST")) {
            return new Reply(405, Reply.TEXT, "Method " + method + " not allowed, POST required.");
        }
        return page.handler().answer(query);
    }

    private Reply index() {
        var html = new StringBuilder("<!doctype html><title>mesh-proxy admin</title><h1>mesh-proxy</h1><table>");
        for (Page page : pages.values()) {
            // What changes something is a form: a link would be followed by whoever looks ahead.
            html.append("<tr><td>")
                    .append(
                            page.changes()
                                    ? "<form method=\"post\" action=\""
                                            + page.path().substring(1) + "\"><button>"
                                            + page.path().substring(1) + "</button></form>"
                                    : "<a href=\"" + page.path().substring(1) + "\">" + page.path() + "</a>")
                    .append("<td>")
                    .append(page.what())
                    .append("</tr>");
        }
        return new Reply(
                200, "text/html; charset=UTF-8", html.append("</table>").toString());
    }

    private String help() {
        var text = new StringBuilder("admin commands are:\n");
        for (Page page : pages.values()) {
            text.append("  ").append(page.path()).append(page.changes() ? " (POST)" : "");
            text.append(": ").append(page.what()).append('\n');
            page.parameters()
                    .forEach(
                            parameter -> text.append("      ").append(parameter).append('\n'));
        }
        return text.toString();
    }

    /// Of this program.
    public static String version() {
        String version = AdminHandlers.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
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
