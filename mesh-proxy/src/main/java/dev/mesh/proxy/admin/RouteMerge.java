package dev.mesh.proxy.admin;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.proxy.load.Entry;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;
import java.util.List;

/// Puts the virtual hosts that came one by one into their route configuration, so that a dump shows what runs.
final class RouteMerge {
    private RouteMerge() {}

    static Any withHosts(Entry route, List<Entry> hosts) {
        Any body = route.body();
        if (body == null) {
            return Any.getDefaultInstance();
        }
        try {
            var configuration = body.unpack(RouteConfiguration.class).toBuilder();
            String prefix = route.name() + "/";
            for (Entry host : hosts) {
                Any hostBody = host.body();
                if (hostBody != null && host.name().startsWith(prefix)) {
                    configuration.addVirtualHosts(hostBody.unpack(VirtualHost.class));
                }
            }
            return Any.pack(configuration.build());
        } catch (InvalidProtocolBufferException e) {
            return body;
        }
    }
}
