package dev.mesh.proxy.admin;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.mesh.api.decide.compile.ConfigSnapshot;
import dev.mesh.api.decide.compile.Explainer;
import dev.mesh.api.decide.explain.HostHealth;
import dev.mesh.api.decide.explain.RequestDescription;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.cluster.Host;
import dev.mesh.proxy.io.Addresses;
import dev.mesh.proxy.load.Entry;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.endpoint.v3.ClusterLoadAssignment;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// `/explain`: which way a request would go, by what serves traffic now.
final class ExplainHandler {
    private static final Gson GSON =
            new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

    private ExplainHandler() {}

    /// @param query `url`, `method`, `authority`, `headers` (`name: value`, one a line), `listener`, `inbound`,
    /// `source`
    static AdminHandlers.Reply explain(AdminView view, Map<String, String> query) {
        String url = query.getOrDefault("url", "");
        if (url.isEmpty()) {
            return new AdminHandlers.Reply(
                    400, "text/plain; charset=UTF-8", "expected: ?url=http://host:port/path and more; see /help\n");
        }
        RequestDescription request;
        try {
            request = RequestDescription.of(
                    query.getOrDefault("method", "GET"),
                    url,
                    query.getOrDefault("authority", ""),
                    query.getOrDefault("headers", "")
                            .lines()
                            .filter(line -> !line.isBlank())
                            .toList(),
                    query.getOrDefault("listener", ""),
                    query.getOrDefault("inbound", "").equals("true"),
                    query.getOrDefault("source", ""));
        } catch (IllegalArgumentException e) {
            return new AdminHandlers.Reply(400, "text/plain; charset=UTF-8", e.getMessage() + "\n");
        }
        String[] node = view.bootstrap().getNode().getId().split("~", -1);
        List<String> addresses = NamesHandler.resolve(view.names(), request.host(), node.length == 4 ? node[3] : "");
        return AdminHandlers.Reply.json(
                GSON.toJson(Explainer.explain(snapshot(view.loader().dump()), health(view), request, addresses)));
    }

    private static ConfigSnapshot snapshot(List<Entry> entries) {
        var listeners = new ArrayList<Listener>();
        var routes = new LinkedHashMap<String, RouteConfiguration>();
        var clusters = new LinkedHashMap<String, Cluster>();
        var endpoints = new LinkedHashMap<String, ClusterLoadAssignment>();
        var hosts = entries.stream()
                .filter(entry -> entry.type() == XdsType.VIRTUAL_HOST)
                .toList();
        for (Entry entry : entries) {
            Any body = entry.type() == XdsType.ROUTE ? RouteMerge.withHosts(entry, hosts) : entry.body();
            if (body == null || entry.version().isEmpty() && !entry.isStatic()) {
                continue;
            }
            switch (entry.type()) {
                case LISTENER -> listeners.add(unpack(body, Listener.class));
                case ROUTE -> routes.put(entry.name(), unpack(body, RouteConfiguration.class));
                case CLUSTER -> {
                    var cluster = unpack(body, Cluster.class);
                    clusters.put(entry.name(), cluster);
                    if (cluster.hasLoadAssignment()) {
                        endpoints.put(entry.name(), cluster.getLoadAssignment());
                    }
                }
                case ENDPOINT -> endpoints.put(entry.name(), unpack(body, ClusterLoadAssignment.class));
                case VIRTUAL_HOST, SECRET, NAME_TABLE, PUSH_COMMIT -> {}
            }
        }
        return new ConfigSnapshot(listeners, routes, clusters, endpoints, List.of());
    }

    private static <T extends Message> T unpack(Any body, Class<T> type) {
        try {
            return body.unpack(type);
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("it was unpacked when it was loaded", e);
        }
    }

    private static HostHealth health(AdminView view) {
        var states = new HashMap<String, Map<String, String>>();
        for (var cluster : view.loader().clusters().clusters()) {
            var byAddress = new HashMap<String, String>();
            for (Host host : cluster.hosts()) {
                byAddress.put(Addresses.text(host.address()), host.healthy() ? "healthy" : "ejected");
            }
            states.put(cluster.name(), byAddress);
        }
        return (cluster, address) -> {
            @Nullable Map<String, String> known = states.get(cluster);
            return known == null ? "" : known.getOrDefault(address, "");
        };
    }
}
