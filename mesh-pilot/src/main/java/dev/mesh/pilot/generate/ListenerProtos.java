package dev.mesh.pilot.generate;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Duration;
import com.google.protobuf.UInt32Value;
import dev.mesh.api.xds.XdsType;
import io.envoyproxy.envoy.config.accesslog.v3.AccessLog;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.Http2ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.HttpProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.config.core.v3.TrafficDirection;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.extensions.access_loggers.stream.v3.StdoutAccessLog;
import io.envoyproxy.envoy.extensions.filters.http.router.v3.Router;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.Rds;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;

/// Listeners. Static and pure.
final class ListenerProtos {
    private ListenerProtos() {}

    /// A sidecar's way out for one HTTP port.
    static Resource outboundHttp(String address, int port) {
        String name = address + "_" + port;
        var manager = manager("outbound_" + name)
                .setRds(Rds.newBuilder().setConfigSource(ClusterProtos.ADS).setRouteConfigName(Integer.toString(port)));
        return listener(name, address, port, TrafficDirection.OUTBOUND, manager.build());
    }

    /// A sidecar's way out to one TCP service.
    static Resource outboundTcp(String address, int port, String cluster) {
        String name = address + "_" + port;
        return tcp(name, address, port, TrafficDirection.OUTBOUND, cluster);
    }

    /// A sidecar's way in.
    static Resource inboundHttp(String address, int port, RouteConfiguration routes) {
        String name = "inbound_" + address + "_" + port;
        return listener(
                name,
                address,
                port,
                TrafficDirection.INBOUND,
                manager(name).setRouteConfig(routes).build());
    }

    static Resource inboundTcp(String address, int port) {
        return tcp("inbound_" + address + "_" + port, address, port, TrafficDirection.INBOUND, Names.inbound(port));
    }

    /// A gateway's HTTP port, hardened as Envoy's documentation on edge proxies asks.
    static Resource gatewayHttp(String address, int port) {
        String name = address + "_" + port;
        var manager = manager("outbound_" + name)
                .setRds(Rds.newBuilder().setConfigSource(ClusterProtos.ADS).setRouteConfigName("http." + port))
                .setUseRemoteAddress(BoolValue.of(true))
                .setMergeSlashes(true)
                .setPathWithEscapedSlashesAction(
                        HttpConnectionManager.PathWithEscapedSlashesAction.UNESCAPE_AND_REDIRECT)
                .setCommonHttpProtocolOptions(HttpProtocolOptions.newBuilder()
                        .setIdleTimeout(Duration.newBuilder().setSeconds(3600))
                        .setHeadersWithUnderscoresAction(
                                HttpProtocolOptions.HeadersWithUnderscoresAction.REJECT_REQUEST))
                .setHttp2ProtocolOptions(Http2ProtocolOptions.newBuilder()
                        .setMaxConcurrentStreams(UInt32Value.of(100))
                        .setInitialStreamWindowSize(UInt32Value.of(65536))
                        .setInitialConnectionWindowSize(UInt32Value.of(1048576)))
                .setStreamIdleTimeout(Duration.newBuilder().setSeconds(300))
                .setRequestTimeout(Duration.newBuilder().setSeconds(300));
        return Resource.of(
                XdsType.LISTENER,
                name,
                base(name, address, port, TrafficDirection.OUTBOUND)
                        .setPerConnectionBufferLimitBytes(UInt32Value.of(32768))
                        .addFilterChains(chain(manager.build()))
                        .build());
    }

    private static HttpConnectionManager.Builder manager(String statPrefix) {
        return HttpConnectionManager.newBuilder()
                .setStatPrefix(statPrefix)
                .setNormalizePath(BoolValue.of(true))
                .setServerName("istio-envoy")
                .addAccessLog(accessLog())
                .addUpgradeConfigs(
                        HttpConnectionManager.UpgradeConfig.newBuilder().setUpgradeType("websocket"))
                .addHttpFilters(HttpFilter.newBuilder()
                        .setName("envoy.filters.http.router")
                        .setTypedConfig(Resource.pack(Router.getDefaultInstance())));
    }

    private static AccessLog accessLog() {
        return AccessLog.newBuilder()
                .setName("envoy.access_loggers.stdout")
                .setTypedConfig(Resource.pack(StdoutAccessLog.getDefaultInstance()))
                .build();
    }

    private static FilterChain chain(HttpConnectionManager manager) {
        return FilterChain.newBuilder()
                .addFilters(Filter.newBuilder()
                        .setName("envoy.filters.network.http_connection_manager")
                        .setTypedConfig(Resource.pack(manager)))
                .build();
    }

    private static Listener.Builder base(String name, String address, int port, TrafficDirection direction) {
        return Listener.newBuilder()
                .setName(name)
                .setTrafficDirection(direction)
                .setAddress(Address.newBuilder()
                        .setSocketAddress(
                                SocketAddress.newBuilder().setAddress(address).setPortValue(port)));
    }

    private static Resource listener(
            String name, String address, int port, TrafficDirection direction, HttpConnectionManager manager) {
        return Resource.of(
                XdsType.LISTENER,
                name,
                base(name, address, port, direction)
                        .addFilterChains(chain(manager))
                        .build());
    }

    private static Resource tcp(String name, String address, int port, TrafficDirection direction, String cluster) {
        var proxy =
                TcpProxy.newBuilder().setStatPrefix(cluster).setCluster(cluster).addAccessLog(accessLog());
        return Resource.of(
                XdsType.LISTENER,
                name,
                base(name, address, port, direction)
                        .addFilterChains(FilterChain.newBuilder()
                                .addFilters(Filter.newBuilder()
                                        .setName("envoy.filters.network.tcp_proxy")
                                        .setTypedConfig(Resource.pack(proxy.build()))))
                        .build());
    }
}
