package dev.mesh.pilot.generate;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Duration;
import com.google.protobuf.UInt32Value;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.networking.ServerTls;
import dev.mesh.api.xds.XdsType;
import io.envoyproxy.envoy.config.accesslog.v3.AccessLog;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.Http2ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.HttpProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.config.core.v3.TrafficDirection;
import io.envoyproxy.envoy.config.listener.v3.ApiListener;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.FilterChainMatch;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.listener.v3.ListenerFilter;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.extensions.access_loggers.stream.v3.StdoutAccessLog;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.Rds;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Listeners. Static and pure.
final class ListenerProtos {
    private ListenerProtos() {}

    /// A sidecar's way out for one HTTP port.
    record OutboundHttp(String address, int port) {}

    static Resource outboundHttp(OutboundHttp in) {
        String name = in.address() + "_" + in.port();
        var manager = manager("outbound_" + name).setRds(rds(Integer.toString(in.port())));
        return listener(name, in.address(), in.port(), TrafficDirection.OUTBOUND, manager.build());
    }

    /// Connections that are passed on by weight.
    ///
    /// @param serverNames of TLS that the chain is for; empty: all others
    /// @param from the object that says so
    /// @param rule of it, by name; empty: the whole object
    record TcpChain(List<String> serverNames, List<RouteProtos.Target> targets, ResourceRef from, String rule) {}

    /// The way out to one TCP service, or a gateway's TCP port.
    record OutboundTcp(String address, int port, List<TcpChain> chains) {}

    static Resource outboundTcp(OutboundTcp in) {
        String name = in.address() + "_" + in.port();
        var listener = base(name, in.address(), in.port(), TrafficDirection.OUTBOUND);
        if (in.chains().stream().anyMatch(chain -> !chain.serverNames().isEmpty())) {
            listener.addListenerFilters(tlsInspector());
        }
        for (TcpChain chain : in.chains()) {
            var built = FilterChain.newBuilder()
                    .addFilters(tcpProxy(chain.targets()))
                    .setMetadata(RouteProtos.provenance(chain.from(), chain.rule()));
            if (!chain.serverNames().isEmpty()) {
                built.setFilterChainMatch(FilterChainMatch.newBuilder().addAllServerNames(chain.serverNames()));
            }
            listener.addFilterChains(built);
        }
        return Resource.of(XdsType.LISTENER, name, listener.build());
    }

    /// A gateway's port with TLS.
    record GatewayTls(String address, int port, List<TlsChain> chains) {}

    /// @param serverNames empty: all others
    /// @param tls that is ended here; null: passed on
    /// @param routes name of the route configuration; empty: connections go to `targets`
    record TlsChain(
            List<String> serverNames, @Nullable ServerTls tls, String routes, List<RouteProtos.Target> targets) {}

    static Resource gatewayTls(GatewayTls in) {
        String name = in.address() + "_" + in.port();
        var listener = base(name, in.address(), in.port(), TrafficDirection.OUTBOUND)
                .addListenerFilters(tlsInspector())
                .setPerConnectionBufferLimitBytes(UInt32Value.of(32768));
        for (TlsChain chain : in.chains()) {
            var built = chain.routes().isEmpty()
                    ? FilterChain.newBuilder().addFilters(tcpProxy(chain.targets()))
                    : chain(edge(name, chain.routes())).toBuilder();
            if (chain.tls() != null) {
                built.setTransportSocket(
                        TlsProtos.downstream(chain.tls(), !chain.routes().isEmpty()));
            }
            if (!chain.serverNames().isEmpty()) {
                built.setFilterChainMatch(FilterChainMatch.newBuilder().addAllServerNames(chain.serverNames()));
            }
            listener.addFilterChains(built);
        }
        return Resource.of(XdsType.LISTENER, name, listener.build());
    }

    /// What a gRPC library asks for: routes without an address.
    static Resource api(String name, String routes) {
        return Resource.of(
                XdsType.LISTENER,
                name,
                Listener.newBuilder()
                        .setName(name)
                        .setApiListener(ApiListener.newBuilder()
                                .setApiListener(Resource.pack(HttpConnectionManager.newBuilder()
                                        .setStatPrefix("outbound_" + name)
                                        .setRds(rds(routes))
                                        .addHttpFilters(FilterProtos.filter(
                                                FilterProtos.FAULT, Resource.pack(HTTPFault.getDefaultInstance())))
                                        .addHttpFilters(FilterProtos.router())
                                        .build())))
                        .build());
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

    /// A gateway's HTTP port.
    record GatewayHttp(String address, int port, String routes) {}

    static Resource gatewayHttp(GatewayHttp in) {
        String name = in.address() + "_" + in.port();
        return Resource.of(
                XdsType.LISTENER,
                name,
                base(name, in.address(), in.port(), TrafficDirection.OUTBOUND)
                        .setPerConnectionBufferLimitBytes(UInt32Value.of(32768))
                        .addFilterChains(chain(edge(name, in.routes())))
                        .build());
    }

    // Hardened as Envoy's documentation on edge proxies asks.
    private static HttpConnectionManager edge(String name, String routes) {
        return manager("outbound_" + name)
                .setRds(rds(routes))
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
                .setRequestTimeout(Duration.newBuilder().setSeconds(300))
                .build();
    }

    private static Rds rds(String routes) {
        return Rds.newBuilder()
                .setConfigSource(ClusterProtos.ADS)
                .setRouteConfigName(routes)
                .build();
    }

    private static ListenerFilter tlsInspector() {
        return ListenerFilter.newBuilder()
                .setName("envoy.filters.listener.tls_inspector")
                .setTypedConfig(Resource.pack(TlsInspector.getDefaultInstance()))
                .build();
    }

    private static Filter tcpProxy(List<RouteProtos.Target> targets) {
        var proxy = TcpProxy.newBuilder().addAccessLog(accessLog());
        if (targets.size() == 1) {
            proxy.setStatPrefix(targets.getFirst().cluster())
                    .setCluster(targets.getFirst().cluster());
        } else {
            var weighted = TcpProxy.WeightedCluster.newBuilder();
            targets.forEach(target -> weighted.addClusters(TcpProxy.WeightedCluster.ClusterWeight.newBuilder()
                    .setName(target.cluster())
                    .setWeight(target.weight())));
            proxy.setStatPrefix(targets.getFirst().cluster()).setWeightedClusters(weighted);
        }
        return Filter.newBuilder()
                .setName("envoy.filters.network.tcp_proxy")
                .setTypedConfig(Resource.pack(proxy.build()))
                .build();
    }

    private static HttpConnectionManager.Builder manager(String statPrefix) {
        return HttpConnectionManager.newBuilder()
                .setStatPrefix(statPrefix)
                .setNormalizePath(BoolValue.of(true))
                .setServerName("istio-envoy")
                .addAccessLog(accessLog())
                .addUpgradeConfigs(
                        HttpConnectionManager.UpgradeConfig.newBuilder().setUpgradeType("websocket"))
                .addAllHttpFilters(FilterProtos.chain());
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
        return Resource.of(
                XdsType.LISTENER,
                name,
                base(name, address, port, direction)
                        .addFilterChains(FilterChain.newBuilder()
                                .addFilters(tcpProxy(List.of(new RouteProtos.Target(cluster, 1, null, null)))))
                        .build());
    }
}
