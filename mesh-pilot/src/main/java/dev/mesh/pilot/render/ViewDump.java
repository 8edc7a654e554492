package dev.mesh.pilot.render;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.generate.ProxyView;
import dev.mesh.pilot.generate.Resource;
import io.envoyproxy.envoy.admin.v3.ClustersConfigDump;
import io.envoyproxy.envoy.admin.v3.ConfigDump;
import io.envoyproxy.envoy.admin.v3.EndpointsConfigDump;
import io.envoyproxy.envoy.admin.v3.ListenersConfigDump;
import io.envoyproxy.envoy.admin.v3.RoutesConfigDump;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.config.route.v3.VirtualHost;

/// A view in the form of Envoy's `/config_dump`, as if a proxy had taken all of it.
public final class ViewDump {
    private ViewDump() {}

    public static ConfigDump of(ProxyView view) {
        var clusters = ClustersConfigDump.newBuilder().setVersionInfo(view.pushId());
        view.of(XdsType.CLUSTER)
                .values()
                .forEach(resource -> clusters.addDynamicActiveClusters(ClustersConfigDump.DynamicCluster.newBuilder()
                        .setVersionInfo(resource.version())
                        .setCluster(resource.body())));
        var endpoints = EndpointsConfigDump.newBuilder();
        view.of(XdsType.ENDPOINT)
                .values()
                .forEach(resource ->
                        endpoints.addDynamicEndpointConfigs(EndpointsConfigDump.DynamicEndpointConfig.newBuilder()
                                .setVersionInfo(resource.version())
                                .setEndpointConfig(resource.body())));
        var listeners = ListenersConfigDump.newBuilder().setVersionInfo(view.pushId());
        view.of(XdsType.LISTENER)
                .values()
                .forEach(resource -> listeners.addDynamicListeners(ListenersConfigDump.DynamicListener.newBuilder()
                        .setName(resource.name())
                        .setActiveState(ListenersConfigDump.DynamicListenerState.newBuilder()
                                .setVersionInfo(resource.version())
                                .setListener(resource.body()))));
        var routes = RoutesConfigDump.newBuilder();
        view.of(XdsType.ROUTE)
                .values()
                .forEach(resource -> routes.addDynamicRouteConfigs(RoutesConfigDump.DynamicRouteConfig.newBuilder()
                        .setVersionInfo(resource.version())
                        .setRouteConfig(withHosts(view, resource))));
        return ConfigDump.newBuilder()
                .addConfigs(Any.pack(clusters.build()))
                .addConfigs(Any.pack(endpoints.build()))
                .addConfigs(Any.pack(listeners.build()))
                .addConfigs(Any.pack(routes.build()))
                .build();
    }

    private static Any withHosts(ProxyView view, Resource routes) {
        String prefix = routes.name() + "/";
        var hosts = view.of(XdsType.VIRTUAL_HOST).values().stream()
                .filter(host -> host.name().startsWith(prefix))
                .toList();
        if (hosts.isEmpty()) {
            return routes.body();
        }
        try {
            var whole = routes.body().unpack(RouteConfiguration.class).toBuilder();
            for (Resource host : hosts) {
                whole.addVirtualHosts(host.body().unpack(VirtualHost.class));
            }
            return Any.pack(whole.build());
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("this process packed it", e);
        }
    }
}
