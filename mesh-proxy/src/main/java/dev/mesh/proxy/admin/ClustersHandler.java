package dev.mesh.proxy.admin;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.admin.AdminHandlers.Reply;
import dev.mesh.proxy.cluster.Cluster;
import dev.mesh.proxy.cluster.Host;
import dev.mesh.proxy.cluster.SuccessRates;
import dev.mesh.proxy.io.Addresses;
import dev.mesh.proxy.load.Entry;
import io.envoyproxy.envoy.config.cluster.v3.CircuitBreakers.Thresholds;
import io.envoyproxy.envoy.config.core.v3.RoutingPriority;
import java.math.BigDecimal;
import java.math.MathContext;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// `/clusters` and `/listeners`, as text and as `envoy.admin.v3.Clusters` and `Listeners`. Tools parse both forms.
final class ClustersHandler {
    private static final int LIMIT = 1024;
    private static final int RETRIES = 3;

    private final AdminView view;

    ClustersHandler(AdminView view) {
        this.view = view;
    }

    /// @param query `format=json`, `filter` (RE2, found anywhere in a cluster's name)
    Reply clusters(Map<String, String> query) {
        Predicate<String> wanted;
        try {
            wanted = wanted(query);
        } catch (PatternSyntaxException e) {
            return Reply.wrong("filter: " + e.getDescription());
        }
        return query.getOrDefault("format", "").equals("json") ? json(wanted) : text(wanted);
    }

    private static Predicate<String> wanted(Map<String, String> query) {
        String filter = query.get("filter");
        if (filter == null) {
            return name -> true;
        }
        Pattern pattern = Pattern.compile(filter);
        return name -> pattern.matcher(name).find();
    }

    private Reply text(Predicate<String> wanted) {
        var out = new StringBuilder();
        for (Cluster cluster : view.loader().clusters().clusters()) {
            String name = cluster.name();
            if (!wanted.test(name)) {
                continue;
            }
            out.append(name)
                    .append("::observability_name::")
                    .append(cluster.spec().altStatName())
                    .append('\n');
            outlier(out, name + "::outlier::", "", cluster.successRates());
            outlier(out, name + "::outlier::", "local_origin_", cluster.localOriginSuccessRates());
            thresholds(out, name);
            out.append(name).append("::added_via_api::").append(isDynamic(name)).append('\n');
            for (Host host : cluster.hosts()) {
                String at = name + "::" + Addresses.text(host.address()) + "::";
                var stats = host.stats();
                line(out, at, "cx_active", stats.cxActive().value());
                line(out, at, "cx_connect_fail", stats.cxConnectFail().value());
                line(out, at, "cx_total", stats.cxTotal().value());
                line(out, at, "rq_active", stats.rqActive().value());
                line(out, at, "rq_error", stats.rqError().value());
                line(out, at, "rq_pending_active", stats.rqPendingActive().value());
                line(out, at, "rq_success", stats.rqSuccess().value());
                line(out, at, "rq_timeout", stats.rqTimeout().value());
                line(out, at, "rq_total", stats.rqTotal().value());
                out.append(at).append("hostname::").append(host.hostname()).append('\n');
                out.append(at)
                        .append("health_flags::")
                        .append(host.healthy() ? "healthy" : "/failed_outlier_check")
                        .append('\n');
                line(out, at, "weight", host.weight());
                locality(out, at, host.locality());
                out.append(at).append("canary::false\n");
                line(out, at, "priority", host.priority());
                out.append(at)
                        .append("success_rate::")
                        .append(number(host.successRate()))
                        .append('\n');
                out.append(at)
                        .append("local_origin_success_rate::")
                        .append(number(host.localOriginSuccessRate()))
                        .append('\n');
            }
        }
        return Reply.text(out.toString());
    }

    private static void outlier(StringBuilder out, String at, String origin, @Nullable SuccessRates rates) {
        if (rates != null) {
            out.append(at)
                    .append(origin)
                    .append("success_rate_average::")
                    .append(number(rounded(rates.average())))
                    .append('\n');
            out.append(at)
                    .append(origin)
                    .append("success_rate_ejection_threshold::")
                    .append(number(rounded(rates.ejectionThreshold())))
                    .append('\n');
        }
    }

    private static double rounded(double value) {
        return new BigDecimal(value).round(new MathContext(6)).doubleValue();
    }

    // 100, not 100.0.
    private static String number(double value) {
        return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
    }

    private static void percent(JsonObject to, String name, double value) {
        if (value >= 0) {
            var percent = new JsonObject();
            percent.add("value", new JsonPrimitive(new BigDecimal(number(value))));
            to.add(name, percent);
        }
    }

    private static void line(StringBuilder out, String at, String name, long value) {
        out.append(at).append(name).append("::").append(value).append('\n');
    }

    private Reply json(Predicate<String> wanted) {
        var statuses = new JsonArray();
        for (Cluster cluster : view.loader().clusters().clusters()) {
            if (!wanted.test(cluster.name())) {
                continue;
            }
            var status = new JsonObject();
            status.addProperty("name", cluster.name());
            status.addProperty("added_via_api", isDynamic(cluster.name()));
            status.addProperty("observability_name", cluster.spec().altStatName());
            SuccessRates rates = cluster.successRates();
            if (rates != null) {
                percent(status, "success_rate_ejection_threshold", rates.ejectionThreshold());
            }
            SuccessRates localRates = cluster.localOriginSuccessRates();
            if (localRates != null) {
                percent(status, "local_origin_success_rate_ejection_threshold", localRates.ejectionThreshold());
            }
            status.add("circuit_breakers", circuitBreakers(cluster.name()));
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
                percent(one, "success_rate", host.successRate());
                percent(one, "local_origin_success_rate", host.localOriginSuccessRate());
                one.addProperty("weight", host.weight());
                if (host.priority() > 0) {
                    one.addProperty("priority", host.priority());
                }
                one.add("locality", locality(host.locality()));
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
        stat(stats, "rq_pending_active", "GAUGE", from.rqPendingActive().value());
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

    private static JsonObject address(SocketAddress address) {
        var fields = new JsonObject();
        var wrapped = new JsonObject();
        if (address instanceof InetSocketAddress inet) {
            fields.addProperty("address", Addresses.host(inet));
            fields.addProperty("port_value", inet.getPort());
            wrapped.add("socket_address", fields);
        } else {
            fields.addProperty("path", Addresses.host(address));
            wrapped.add("pipe", fields);
        }
        return wrapped;
    }

    private Optional<Entry> entry(String cluster) {
        return view.loader().dump().stream()
                .filter(entry -> entry.type() == XdsType.CLUSTER && entry.name().equals(cluster))
                .findFirst();
    }

    private boolean isDynamic(String cluster) {
        return entry(cluster).map(entry -> !entry.isStatic()).orElse(false);
    }

    private Thresholds thresholds(String cluster, RoutingPriority priority) {
        Any body = entry(cluster).map(Entry::body).orElse(null);
        Thresholds found = Thresholds.getDefaultInstance();
        try {
            if (body != null) {
                var breakers = body.unpack(io.envoyproxy.envoy.config.cluster.v3.Cluster.class)
                        .getCircuitBreakers();
                for (Thresholds one : breakers.getThresholdsList()) {
                    found = one.getPriority() == priority ? one : found;
                }
            }
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("it was unpacked when it was loaded", e);
        }
        return found;
    }

    private interface Threshold {
        void is(String name, long value);
    }

    private static void each(Thresholds one, Threshold action) {
        action.is(
                "max_connections",
                one.hasMaxConnections() ? one.getMaxConnections().getValue() : LIMIT);
        action.is(
                "max_pending_requests",
                one.hasMaxPendingRequests() ? one.getMaxPendingRequests().getValue() : LIMIT);
        action.is("max_requests", one.hasMaxRequests() ? one.getMaxRequests().getValue() : LIMIT);
        action.is("max_retries", one.hasMaxRetries() ? one.getMaxRetries().getValue() : RETRIES);
    }

    private void thresholds(StringBuilder out, String cluster) {
        for (var priority : List.of(RoutingPriority.DEFAULT, RoutingPriority.HIGH)) {
            String at = cluster + "::" + priority.name().toLowerCase(Locale.ROOT) + "_priority::";
            each(thresholds(cluster, priority), (name, value) -> line(out, at, name, value));
        }
    }

    private JsonObject circuitBreakers(String cluster) {
        var all = new JsonArray();
        for (var priority : List.of(RoutingPriority.DEFAULT, RoutingPriority.HIGH)) {
            var one = new JsonObject();
            one.addProperty("priority", priority.name());
            each(thresholds(cluster, priority), one::addProperty);
            all.add(one);
        }
        var breakers = new JsonObject();
        breakers.add("thresholds", all);
        return breakers;
    }

    private static String[] parts(String locality) {
        String[] parts = locality.split("/", -1);
        return new String[] {parts[0], parts.length > 1 ? parts[1] : "", parts.length > 2 ? parts[2] : ""};
    }

    private static void locality(StringBuilder out, String at, String locality) {
        String[] parts = parts(locality);
        out.append(at).append("region::").append(parts[0]).append('\n');
        out.append(at).append("zone::").append(parts[1]).append('\n');
        out.append(at).append("sub_zone::").append(parts[2]).append('\n');
    }

    private static JsonObject locality(String locality) {
        String[] parts = parts(locality);
        var json = new JsonObject();
        String[] names = {"region", "zone", "sub_zone"};
        for (int i = 0; i < names.length; i++) {
            if (!parts[i].isEmpty()) {
                json.addProperty(names[i], parts[i]);
            }
        }
        return json;
    }

    /// @param query `format=json`
    Reply listeners(Map<String, String> query) {
        if (query.getOrDefault("format", "").equals("json")) {
            return listenersJson();
        }
        var out = new StringBuilder();
        view.listeners()
                .bound()
                .forEach((name, addresses) -> addresses.forEach(address -> out.append(name)
                        .append("::")
                        .append(Addresses.text(address))
                        .append('\n')));
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
}
