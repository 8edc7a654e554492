package dev.mesh.pilot.generate;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import com.google.protobuf.UInt32Value;
import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.networking.ServerTls;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.model.ServiceInfo.Protocol;
import io.envoyproxy.envoy.config.accesslog.v3.AccessLog;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.CidrRange;
import io.envoyproxy.envoy.config.core.v3.Http2ProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.HttpProtocolOptions;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.config.core.v3.TrafficDirection;
import io.envoyproxy.envoy.config.listener.v3.AdditionalAddress;
import io.envoyproxy.envoy.config.listener.v3.ApiListener;
import io.envoyproxy.envoy.config.listener.v3.Filter;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.FilterChainMatch;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.listener.v3.ListenerFilter;
import io.envoyproxy.envoy.config.listener.v3.ListenerFilterChainMatchPredicate;
import io.envoyproxy.envoy.config.route.v3.RouteConfiguration;
import io.envoyproxy.envoy.extensions.access_loggers.file.v3.FileAccessLog;
import io.envoyproxy.envoy.extensions.access_loggers.stream.v3.StderrAccessLog;
import io.envoyproxy.envoy.extensions.access_loggers.stream.v3.StdoutAccessLog;
import io.envoyproxy.envoy.extensions.filters.http.fault.v3.HTTPFault;
import io.envoyproxy.envoy.extensions.filters.listener.http_inspector.v3.HttpInspector;
import io.envoyproxy.envoy.extensions.filters.listener.original_dst.v3.OriginalDst;
import io.envoyproxy.envoy.extensions.filters.listener.original_src.v3.OriginalSrc;
import io.envoyproxy.envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.Rds;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import io.envoyproxy.envoy.type.v3.Int32Range;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Listeners. Static and pure. What each is made of includes `log`, the file of its access log; empty: none.
final class ListenerProtos {
    // How long the first bytes of a connection are waited for where they tell what it carries.
    private static final Duration DETECTION =
            Duration.newBuilder().setSeconds(5).build();

    private ListenerProtos() {}

    /// Where a listener is bound; it is named after the first.
    ///
    /// @param extra address of the other family, or empty
    record Place(String address, String extra, int port) {
        Place(String address, int port) {
            this(address, "", port);
        }

        private String name() {
            return address + "_" + port;
        }
    }

    private static Listener.Builder base(Place place) {
        var listener = base(place.name(), place.address(), place.port(), TrafficDirection.OUTBOUND);
        additional(place.extra(), place.port(), listener);
        return listener;
    }

    /// A sidecar's way out for one HTTP port.
    record OutboundHttp(String address, int port, String log) {}

    static Resource outboundHttp(OutboundHttp in) {
        String name = in.address() + "_" + in.port();
        var manager = manager("outbound_" + name, in.log()).setRds(rds(Integer.toString(in.port())));
        return listener(name, in.address(), in.port(), TrafficDirection.OUTBOUND, manager.build());
    }

    /// Connections that are passed on by weight.
    ///
    /// @param serverNames of TLS that the chain is for; empty: all others
    /// @param from the object that says so; null: none does
    /// @param rule of it, by name; empty: the whole object
    record TcpChain(
            List<String> serverNames,
            List<RouteProtos.Target> targets,
            @Nullable ResourceRef from,
            String rule) {}

    /// The way out to one TCP service, or a gateway's TCP port.
    record OutboundTcp(Place place, List<TcpChain> chains, String log) {}

    static Resource outboundTcp(OutboundTcp in) {
        var listener = base(in.place());
        if (in.chains().stream().anyMatch(chain -> !chain.serverNames().isEmpty())) {
            listener.addListenerFilters(tlsInspector());
        }
        for (TcpChain chain : in.chains()) {
            var built = tcpChain(chain, in.log());
            if (!chain.serverNames().isEmpty()) {
                built.setFilterChainMatch(FilterChainMatch.newBuilder().addAllServerNames(chain.serverNames()));
            }
            listener.addFilterChains(built);
        }
        return Resource.of(XdsType.LISTENER, in.place().name(), listener.build());
    }

    /// A way out of traffic that was intercepted: nothing is bound but what the client was going to is compared with
    /// the address.
    ///
    /// @param address of the service, or all addresses of one family
    /// @param extra all addresses of the other family, or empty
    /// @param bound whether it is bound all the same
    /// @param routes name of the route configuration of what is HTTP by its first bytes; empty: none
    /// @param chains for parts of the traffic
    /// @param rest for all else: a cluster that is no service's has no `from`
    record OutboundCaptured(
            String address,
            String extra,
            int port,
            boolean bound,
            String routes,
            List<RangeChain> chains,
            TcpChain rest,
            String log) {}

    /// Connections to ranges of addresses.
    ///
    /// @param ranges empty: all
    record RangeChain(List<String> ranges, TcpChain chain) {}

    static Resource outboundCaptured(OutboundCaptured in) {
        String name = in.address() + "_" + in.port();
        var listener = base(name, in.address(), in.port(), TrafficDirection.OUTBOUND);
        if (!in.bound()) {
            listener.setBindToPort(BoolValue.of(false));
        }
        additional(in.extra(), in.port(), listener);
        boolean names = false;
        for (RangeChain ranged : in.chains()) {
            var match = FilterChainMatch.newBuilder()
                    .addAllServerNames(ranged.chain().serverNames());
            names |= match.getServerNamesCount() > 0;
            ranged.ranges().forEach(range -> match.addPrefixRanges(cidr(range)));
            listener.addFilterChains(tcpChain(ranged.chain(), in.log()).setFilterChainMatch(match));
        }
        if (in.routes().isEmpty()) {
            if (names) {
                inspect(listener.addListenerFilters(tlsInspector()));
            }
        } else {
            listener.addFilterChains(
                    chain(manager("outbound_" + name, in.log())
                                    .setRds(rds(in.routes()))
                                    .build())
                            .toBuilder()
                            .setName("http")
                            .setFilterChainMatch(plaintextHttp()));
            inspect(listener.addListenerFilters(tlsInspector()).addListenerFilters(httpInspector()));
        }
        var rest = tcpChain(in.rest(), in.log());
        if (listener.getFilterChainsCount() == 0) {
            listener.addFilterChains(rest);
        } else {
            listener.setDefaultFilterChain(rest.setName("rest"));
        }
        return Resource.of(XdsType.LISTENER, name, listener.build());
    }

    private static FilterChain.Builder tcpChain(TcpChain from, String log) {
        var chain = FilterChain.newBuilder().addFilters(tcpProxy(from.targets(), log));
        if (from.from() != null) {
            chain.setMetadata(RouteProtos.provenance(from.from(), from.rule()));
        }
        return chain;
    }

    // A peer that says nothing by then is one whose server speaks first: it is let through as it is.
    private static void inspect(Listener.Builder listener) {
        listener.setListenerFiltersTimeout(DETECTION).setContinueOnListenerFiltersTimeout(true);
    }

    private static FilterChainMatch.Builder plaintextHttp() {
        return FilterChainMatch.newBuilder()
                .setTransportProtocol("raw_buffer")
                .addAllApplicationProtocols(List.of("http/1.0", "http/1.1", "h2c"));
    }

    private static CidrRange cidr(String range) {
        int slash = range.indexOf('/');
        return CidrRange.newBuilder()
                .setAddressPrefix(range.substring(0, slash))
                .setPrefixLen(UInt32Value.of(Integer.parseInt(range.substring(slash + 1))))
                .build();
    }

    private static void additional(String address, int port, Listener.Builder listener) {
        if (!address.isEmpty()) {
            listener.addAdditionalAddresses(AdditionalAddress.newBuilder()
                    .setAddress(Address.newBuilder()
                            .setSocketAddress(SocketAddress.newBuilder()
                                    .setAddress(address)
                                    .setPortValue(port))));
        }
    }

    /// Where all outbound traffic comes in; it is handed over to the listener of its destination. What no listener is
    /// for goes to `rest`, and what was meant for this listener itself goes nowhere.
    record VirtualOutbound(String address, String extra, boolean transparent, TcpChain rest, String log) {}

    static final int OUTBOUND_PORT = 15001;
    static final int INBOUND_PORT = 15006;

    // Of packets that the pod's rules lead back to its proxy; istio-iptables and mesh-proxy's have the same default.
    private static final int INTERCEPTION_MARK = 1337;

    static Resource virtualOutbound(VirtualOutbound in) {
        String name = "virtualOutbound";
        var listener = base(name, in.address(), OUTBOUND_PORT, TrafficDirection.OUTBOUND)
                .setUseOriginalDst(BoolValue.of(true))
                .addFilterChains(blackHole(name, OUTBOUND_PORT, in.log()))
                .addFilterChains(tcpChain(in.rest(), in.log()).setName(name + "-catchall-tcp"));
        if (in.transparent()) {
            listener.setTransparent(BoolValue.of(true));
        }
        additional(in.extra(), OUTBOUND_PORT, listener);
        return Resource.of(XdsType.LISTENER, name, listener.build());
    }

    private static FilterChain.Builder blackHole(String name, int port, String log) {
        return FilterChain.newBuilder()
                .setName(name + "-blackhole")
                .setFilterChainMatch(FilterChainMatch.newBuilder().setDestinationPort(UInt32Value.of(port)))
                .addFilters(tcpProxy(List.of(new RouteProtos.Target(Names.BLACK_HOLE, 1, null, null)), log));
    }

    /// Where all inbound traffic comes in.
    ///
    /// @param transparent whether it comes by TPROXY; the application then sees its client's address
    /// @param ports ascending
    record VirtualInbound(String address, String extra, boolean transparent, List<InboundPort> ports, String log) {}

    /// A port of the workload.
    ///
    /// @param cluster that it goes to
    /// @param routes of what is HTTP
    record InboundPort(int port, Protocol protocol, String cluster, RouteConfiguration routes) {}

    static Resource virtualInbound(VirtualInbound in) {
        String name = "virtualInbound";
        var listener = base(name, in.address(), INBOUND_PORT, TrafficDirection.INBOUND)
                .addListenerFilters(ListenerFilter.newBuilder()
                        .setName("envoy.filters.listener.original_dst")
                        .setTypedConfig(Resource.pack(OriginalDst.getDefaultInstance())))
                .addFilterChains(blackHole(name, INBOUND_PORT, in.log()));
        if (in.transparent()) {
            listener.setTransparent(BoolValue.of(true))
                    .addListenerFilters(ListenerFilter.newBuilder()
                            .setName("envoy.filters.listener.original_src")
                            .setTypedConfig(Resource.pack(OriginalSrc.newBuilder()
                                    .setMark(INTERCEPTION_MARK)
                                    .build())));
        }
        additional(in.extra(), INBOUND_PORT, listener);
        var sniffed = new ArrayList<Integer>();
        for (InboundPort port : in.ports()) {
            String at = in.address() + "_" + port.port();
            if (port.protocol().isHttp()) {
                var match = port.protocol() == Protocol.AUTO ? plaintextHttp() : FilterChainMatch.newBuilder();
                listener.addFilterChains(
                        chain(manager("inbound_" + at, in.log())
                                        .setRouteConfig(port.routes())
                                        .build())
                                .toBuilder()
                                .setName(port.protocol() == Protocol.AUTO ? at + "-http" : at)
                                .setFilterChainMatch(match.setDestinationPort(UInt32Value.of(port.port()))));
            }
            if (port.protocol() == Protocol.AUTO) {
                sniffed.add(port.port());
            }
            if (!port.protocol().isHttp() || port.protocol() == Protocol.AUTO) {
                listener.addFilterChains(FilterChain.newBuilder()
                        .setName(at)
                        .setFilterChainMatch(
                                FilterChainMatch.newBuilder().setDestinationPort(UInt32Value.of(port.port())))
                        .addFilters(
                                tcpProxy(List.of(new RouteProtos.Target(port.cluster(), 1, null, null)), in.log())));
            }
        }
        if (!sniffed.isEmpty()) {
            var elsewhere = elsewhere(sniffed);
            inspect(listener.addListenerFilters(tlsInspector().toBuilder().setFilterDisabled(elsewhere))
                    .addListenerFilters(httpInspector().toBuilder().setFilterDisabled(elsewhere)));
        }
        listener.setDefaultFilterChain(FilterChain.newBuilder()
                .setName(name)
                .addFilters(
                        tcpProxy(List.of(new RouteProtos.Target(Names.INBOUND_PASSTHROUGH, 1, null, null)), in.log())));
        return Resource.of(XdsType.LISTENER, name, listener.build());
    }

    // Only where nothing is said is anything waited for.
    private static ListenerFilterChainMatchPredicate elsewhere(List<Integer> ports) {
        var rules = ports.stream()
                .map(port -> ListenerFilterChainMatchPredicate.newBuilder()
                        .setDestinationPortRange(
                                Int32Range.newBuilder().setStart(port).setEnd(port + 1))
                        .build())
                .toList();
        return ListenerFilterChainMatchPredicate.newBuilder()
                .setNotMatch(
                        rules.size() == 1
                                ? rules.getFirst()
                                : ListenerFilterChainMatchPredicate.newBuilder()
                                        .setOrMatch(ListenerFilterChainMatchPredicate.MatchSet.newBuilder()
                                                .addAllRules(rules))
                                        .build())
                .build();
    }

    /// A gateway's port with TLS.
    record GatewayTls(Place place, List<TlsChain> chains, String log) {}

    /// @param serverNames empty: all others
    /// @param tls that is ended here; null: passed on
    /// @param routes name of the route configuration; empty if there is `tcp`
    /// @param tcp where connections are passed on to; null: what is in them is HTTP
    record TlsChain(
            List<String> serverNames,
            @Nullable ServerTls tls,
            String routes,
            @Nullable TcpChain tcp) {}

    static Resource gatewayTls(GatewayTls in) {
        String name = in.place().name();
        var listener = base(in.place())
                .addListenerFilters(tlsInspector())
                .setPerConnectionBufferLimitBytes(UInt32Value.of(32768));
        for (TlsChain chain : in.chains()) {
            var built = chain.tcp() == null
                    ? chain(edge(name, chain.routes(), in.log())).toBuilder()
                    : tcpChain(chain.tcp(), in.log());
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
    static Resource inboundHttp(String address, int port, RouteConfiguration routes, String log) {
        String name = "inbound_" + address + "_" + port;
        return listener(
                name,
                address,
                port,
                TrafficDirection.INBOUND,
                manager(name, log).setRouteConfig(routes).build());
    }

    static Resource inboundTcp(String address, int port, String log) {
        return tcp(
                "inbound_" + address + "_" + port, address, port, TrafficDirection.INBOUND, Names.inbound(port), log);
    }

    /// A gateway's HTTP port.
    record GatewayHttp(Place place, String routes, String log) {}

    static Resource gatewayHttp(GatewayHttp in) {
        String name = in.place().name();
        return Resource.of(
                XdsType.LISTENER,
                name,
                base(in.place())
                        .setPerConnectionBufferLimitBytes(UInt32Value.of(32768))
                        .addFilterChains(chain(edge(name, in.routes(), in.log())))
                        .build());
    }

    // Hardened as Envoy's documentation on edge proxies asks.
    private static HttpConnectionManager edge(String name, String routes, String log) {
        return manager("outbound_" + name, log)
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

    private static ListenerFilter httpInspector() {
        return ListenerFilter.newBuilder()
                .setName("envoy.filters.listener.http_inspector")
                .setTypedConfig(Resource.pack(HttpInspector.getDefaultInstance()))
                .build();
    }

    private static ListenerFilter tlsInspector() {
        return ListenerFilter.newBuilder()
                .setName("envoy.filters.listener.tls_inspector")
                .setTypedConfig(Resource.pack(TlsInspector.getDefaultInstance()))
                .build();
    }

    private static Filter tcpProxy(List<RouteProtos.Target> targets, String log) {
        var proxy = TcpProxy.newBuilder().addAllAccessLog(accessLog(log));
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

    private static HttpConnectionManager.Builder manager(String statPrefix, String log) {
        return HttpConnectionManager.newBuilder()
                .setStatPrefix(statPrefix)
                .setNormalizePath(BoolValue.of(true))
                .setServerName("istio-envoy")
                .addAllAccessLog(accessLog(log))
                .addUpgradeConfigs(
                        HttpConnectionManager.UpgradeConfig.newBuilder().setUpgradeType("websocket"))
                .addAllHttpFilters(FilterProtos.chain());
    }

    private static List<AccessLog> accessLog(String file) {
        return switch (file) {
            case "" -> List.of();
            case "/dev/stdout" -> List.of(accessLog("stdout", StdoutAccessLog.getDefaultInstance()));
            case "/dev/stderr" -> List.of(accessLog("stderr", StderrAccessLog.getDefaultInstance()));
            default ->
                List.of(accessLog(
                        "file", FileAccessLog.newBuilder().setPath(file).build()));
        };
    }

    private static AccessLog accessLog(String name, Message logger) {
        return AccessLog.newBuilder()
                .setName("envoy.access_loggers." + name)
                .setTypedConfig(Resource.pack(logger))
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

    private static Resource tcp(
            String name, String address, int port, TrafficDirection direction, String cluster, String log) {
        return Resource.of(
                XdsType.LISTENER,
                name,
                base(name, address, port, direction)
                        .addFilterChains(FilterChain.newBuilder()
                                .addFilters(tcpProxy(List.of(new RouteProtos.Target(cluster, 1, null, null)), log)))
                        .build());
    }
}
