package dev.mesh.proxy.admin;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.load.Entry;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import java.util.ArrayList;
import java.util.List;

/// Route configurations that stand in listeners. Envoy dumps them as static ones.
final class InlineRoutes {
    private InlineRoutes() {}

    record Inline(RouteConfiguration configuration, Entry listener) {}

    static List<Inline> of(List<Entry> entries) {
        var found = new ArrayList<Inline>();
        for (Entry entry : entries) {
            Any body = entry.body();
            if (entry.type() == XdsType.LISTENER && body != null) {
                try {
                    collect(body.unpack(Listener.class), entry, found);
                } catch (InvalidProtocolBufferException e) {
                    throw new IllegalStateException("it was unpacked when it was loaded", e);
                }
            }
        }
        return found;
    }

    private static void collect(Listener listener, Entry entry, List<Inline> found)
            throws InvalidProtocolBufferException {
        var chains = new ArrayList<FilterChain>(listener.getFilterChainsList());
        chains.add(listener.getDefaultFilterChain());
        for (FilterChain chain : chains) {
            for (Filter filter : chain.getFiltersList()) {
                if (filter.getTypedConfig().is(HttpConnectionManager.class)) {
                    var manager = filter.getTypedConfig().unpack(HttpConnectionManager.class);
                    if (manager.hasRouteConfig()) {
                        found.add(new Inline(manager.getRouteConfig(), entry));
                    }
                }
            }
        }
    }
}
