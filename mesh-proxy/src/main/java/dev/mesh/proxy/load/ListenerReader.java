package dev.mesh.proxy.load;

import com.google.protobuf.Any;
import com.google.protobuf.util.Durations;
import dev.mesh.api.decide.ListenerTable;
import dev.mesh.api.decide.compile.Compiled;
import dev.mesh.api.decide.compile.ListenerCompiler;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import dev.mesh.proxy.listener.Drain;
import dev.mesh.proxy.listener.ListenerSpec;
import dev.mesh.proxy.tls.TlsContexts;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.netty.handler.ssl.SslContext;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// `envoy.config.listener.v3.Listener` → [ListenerSpec]. Configuration thread.
final class ListenerReader {
    private final Map<String, NetworkFilterFactory> factories = new LinkedHashMap<>();

    ListenerReader(List<NetworkFilterFactory> networkFilters) {
        networkFilters.forEach(factory -> factories.put(factory.typeUrl(), factory));
    }

    /// @throws ConfigRejected with every reason
    ListenerSpec read(Listener proto, BindContext context) throws ConfigRejected {
        var reasons = new ArrayList<String>();
        var addresses = new ArrayList<InetSocketAddress>();
        boolean binds = !proto.hasBindToPort() || proto.getBindToPort().getValue();
        if (binds) {
            address(proto.getAddress(), "address", addresses, reasons);
            for (int i = 0; i < proto.getAdditionalAddressesCount(); i++) {
                address(
                        proto.getAdditionalAddresses(i).getAddress(),
                        "additional_addresses[" + i + "].address",
                        addresses,
                        reasons);
            }
        }
        refuse(proto, reasons);
        ListenerTable table = null;
        switch (ListenerCompiler.compile(proto)) {
            case Compiled.Ok<ListenerTable>(ListenerTable compiled) -> table = compiled;
            case Compiled.Rejected<ListenerTable>(List<String> why) -> reasons.addAll(why);
        }
        var chains = new ArrayList<ListenerSpec.Chain>();
        for (int i = 0; i < proto.getFilterChainsCount(); i++) {
            FilterChain chain = proto.getFilterChains(i);
            chains.add(chain(chain, chain.getName(), "filter_chains[" + i + "]", context, reasons));
            inspection(chain, "filter_chains[" + i + "].filter_chain_match", reasons);
        }
        ListenerSpec.Chain otherwise = proto.hasDefaultFilterChain()
                ? chain(
                        proto.getDefaultFilterChain(),
                        proto.getDefaultFilterChain().getName(),
                        "default_filter_chain",
                        context,
                        reasons)
                : null;
        if (chains.isEmpty() && otherwise == null) {
            reasons.add("filter_chains: empty (expected: at least one, or a default_filter_chain)");
        }
        if (!reasons.isEmpty() || table == null) {
            throw new ConfigRejected(reasons);
        }
        return new ListenerSpec(
                proto.getName(),
                List.copyOf(addresses),
                !proto.hasEnableReusePort() || proto.getEnableReusePort().getValue(),
                proto.getTcpBacklogSize().getValue(),
                proto.hasPerConnectionBufferLimitBytes()
                        ? Math.max(2, proto.getPerConnectionBufferLimitBytes().getValue())
                        : 1 << 20,
                Integer.MAX_VALUE,
                table,
                List.copyOf(chains),
                otherwise,
                context.direction(),
                inspectionTimeout(proto),
                proto.getContinueOnListenerFiltersTimeout(),
                new Drain());
    }

    // Only a listener filter waits for bytes: without one there is nothing to time out.
    private static Duration inspectionTimeout(Listener proto) {
        if (proto.getListenerFiltersCount() == 0) {
            return Duration.ZERO;
        }
        return proto.hasListenerFiltersTimeout()
                ? Duration.ofNanos(Durations.toNanos(proto.getListenerFiltersTimeout()))
                : Duration.ofSeconds(15);
    }

    private static void refuse(Listener proto, List<String> reasons) {
        if (proto.getUseOriginalDst().getValue()) {
            reasons.add("use_original_dst: not supported");
        }
        if (proto.getTransparent().getValue()) {
            reasons.add("transparent: not supported");
        }
        if (proto.hasApiListener()) {
            reasons.add("api_listener: not supported");
        }
        if (proto.hasUdpListenerConfig()) {
            reasons.add("udp_listener_config: not supported");
        }
        if (proto.getSocketOptionsCount() > 0) {
            reasons.add("socket_options: not supported");
        }
        for (int i = 0; i < proto.getListenerFiltersCount(); i++) {
            String type = proto.getListenerFilters(i).getTypedConfig().getTypeUrl();
            // What the HTTP inspector would find out is found out by the connection manager itself.
            if (!type.endsWith(".HttpInspector")) {
                reasons.add(
                        "listener_filters[" + i + "]: \"" + type + "\" is not supported (expected: http_inspector)");
            }
        }
    }

    // Without a TLS inspector no chain can be told by what the client says of TLS.
    private static void inspection(FilterChain chain, String path, List<String> reasons) {
        var match = chain.getFilterChainMatch();
        if (match.getServerNamesCount() > 0) {
            reasons.add(path + ".server_names: not supported");
        }
        if (match.getApplicationProtocolsCount() > 0) {
            reasons.add(path + ".application_protocols: not supported");
        }
        if (match.getTransportProtocol().equals("tls")) {
            reasons.add(path + ".transport_protocol: \"tls\" is not supported");
        }
    }

    private ListenerSpec.Chain chain(
            FilterChain proto, String name, String path, BindContext context, List<String> reasons) {
        var bound = new ArrayList<NetworkFilterFactory.Bound>();
        for (int i = 0; i < proto.getFiltersCount(); i++) {
            var filter = proto.getFilters(i);
            Any typed = filter.getTypedConfig();
            String at = path + ".filters[" + i + "] (" + filter.getName() + ")";
            NetworkFilterFactory factory = factories.get(typed.getTypeUrl());
            if (factory == null) {
                reasons.add(at + ": no filter for \"" + typed.getTypeUrl() + "\" (known: "
                        + String.join(", ", factories.keySet()) + ")");
                continue;
            }
            if (factory.terminal() != (i == proto.getFiltersCount() - 1)) {
                reasons.add(at + ": "
                        + (factory.terminal()
                                ? "terminal, and not the last filter"
                                : "the last filter must be terminal"));
                continue;
            }
            try {
                bound.add(factory.bind(typed, context));
            } catch (ConfigRejected e) {
                e.reasons().forEach(reason -> reasons.add(at + ": " + reason));
            }
        }
        if (proto.getFiltersCount() == 0) {
            reasons.add(path + ".filters: empty (expected: at least one)");
        }
        SslContext tls = null;
        if (proto.hasTransportSocket()) {
            try {
                tls = TlsContexts.downstream(proto.getTransportSocket().getTypedConfig());
            } catch (ConfigRejected e) {
                e.reasons().forEach(reason -> reasons.add(path + ".transport_socket: " + reason));
            }
        }
        return new ListenerSpec.Chain(name, List.copyOf(bound), tls);
    }

    private static void address(Address address, String path, List<InetSocketAddress> addresses, List<String> reasons) {
        var socket = address.getSocketAddress();
        if (!address.hasSocketAddress()) {
            reasons.add(path + ": not a socket_address");
            return;
        }
        @Nullable InetAddress ip = null;
        try {
            ip = InetAddress.ofLiteral(socket.getAddress());
        } catch (IllegalArgumentException e) {
            reasons.add(path + ".socket_address.address: \"" + socket.getAddress() + "\" (expected: an IP address)");
        }
        if (socket.getPortValue() < 0 || socket.getPortValue() > 65535) {
            reasons.add(path + ".socket_address.port_value: " + socket.getPortValue() + " (expected: 0-65535)");
        } else if (ip != null) {
            addresses.add(new InetSocketAddress(ip, socket.getPortValue()));
        }
    }
}
