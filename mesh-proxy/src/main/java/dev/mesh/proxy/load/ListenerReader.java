package dev.mesh.proxy.load;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.Durations;
import dev.mesh.api.decide.ListenerTable;
import dev.mesh.api.decide.compile.Compiled;
import dev.mesh.api.decide.compile.Fields;
import dev.mesh.api.decide.compile.ListenerCompiler;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.proxy.filter.BindContext;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import dev.mesh.proxy.listener.Drain;
import dev.mesh.proxy.listener.ListenerSpec;
import dev.mesh.proxy.tls.DownstreamTls;
import dev.mesh.proxy.tls.Secrets;
import dev.mesh.proxy.tls.TlsContexts;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.listener.v3.FilterChain;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.config.listener.v3.ListenerFilterChainMatchPredicate;
import io.envoyproxy.envoy.extensions.filters.listener.http_inspector.v3.HttpInspector;
import io.envoyproxy.envoy.extensions.filters.listener.original_dst.v3.OriginalDst;
import io.envoyproxy.envoy.extensions.filters.listener.original_src.v3.OriginalSrc;
import io.envoyproxy.envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/// `envoy.config.listener.v3.Listener` → [ListenerSpec]. Configuration thread.
final class ListenerReader {
    private static final Duration USUAL_TIMEOUT = Duration.ofSeconds(15);

    private final Map<String, NetworkFilterFactory> factories = new LinkedHashMap<>();
    private final Secrets secrets;

    ListenerReader(List<NetworkFilterFactory> networkFilters, Secrets secrets) {
        this.secrets = secrets;
        networkFilters.forEach(factory -> factories.put(factory.typeUrl(), factory));
    }

    /// @throws ConfigRejected with every reason
    ListenerSpec read(Listener proto, BindContext context) throws ConfigRejected {
        var reasons = new ArrayList<String>();
        var addresses = new ArrayList<InetSocketAddress>();
        boolean binds = !proto.hasBindToPort() || proto.getBindToPort().getValue();
        address(proto.getAddress(), "address", addresses, reasons);
        for (int i = 0; i < proto.getAdditionalAddressesCount(); i++) {
            address(
                    proto.getAdditionalAddresses(i).getAddress(),
                    "additional_addresses[" + i + "].address",
                    addresses,
                    reasons);
        }
        guard(proto, reasons);
        ListenerTable table = null;
        switch (ListenerCompiler.compile(proto)) {
            case Compiled.Ok<ListenerTable>(ListenerTable compiled) -> table = compiled;
            case Compiled.Rejected<ListenerTable>(List<String> why) -> reasons.addAll(why);
        }
        var chains = new ArrayList<ListenerSpec.Chain>();
        for (int i = 0; i < proto.getFilterChainsCount(); i++) {
            FilterChain chain = proto.getFilterChains(i);
            chains.add(chain(chain, chain.getName(), "filter_chains[" + i + "]", context, reasons));
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
        var known = new ArrayList<>(chains);
        if (otherwise != null) {
            known.add(otherwise);
        }
        ListenerSpec.Inspected inspected = inspected(proto, known, reasons);
        ListenerSpec.OriginalSource keepsSource = keepsSource(proto, reasons);
        boolean handsOver = proto.getUseOriginalDst().getValue();
        if (!reasons.isEmpty() || table == null) {
            throw new ConfigRejected(reasons);
        }
        return new ListenerSpec(
                proto.getName(),
                proto.getStatPrefix(),
                new ListenerSpec.Sockets(
                        List.copyOf(addresses),
                        binds,
                        !proto.hasEnableReusePort()
                                || proto.getEnableReusePort().getValue(),
                        proto.getTransparent().getValue(),
                        proto.getFreebind().getValue(),
                        proto.getConnectionBalanceConfig().hasExactBalance(),
                        proto.getTcpBacklogSize().getValue()),
                proto.hasPerConnectionBufferLimitBytes()
                        ? Math.max(2, proto.getPerConnectionBufferLimitBytes().getValue())
                        : 1 << 20,
                Integer.MAX_VALUE,
                table,
                List.copyOf(chains),
                otherwise,
                context.direction(),
                handsOver
                        || proto.getListenerFiltersList().stream()
                                .anyMatch(filter -> filter.getTypedConfig().is(OriginalDst.class)),
                handsOver,
                keepsSource,
                inspected,
                new Drain());
    }

    // What Envoy's inspectors look at. One that a chain needs and that is not listed is put in, as Envoy does.
    private static ListenerSpec.Inspected inspected(
            Listener proto, List<ListenerSpec.Chain> chains, List<String> reasons) {
        boolean tls = false;
        boolean http = false;
        IntPredicate notTls = port -> false;
        IntPredicate notHttp = port -> false;
        for (int i = 0; i < proto.getListenerFiltersCount(); i++) {
            var filter = proto.getListenerFilters(i);
            String path = "listener_filters[" + i + "]";
            Fields.of(filter, path)
                    .honours("name", "typed_config", "filter_disabled")
                    .refuseOthers(reasons);
            Any typed = filter.getTypedConfig();
            IntPredicate disabled = filter.hasFilterDisabled()
                    ? disabled(filter.getFilterDisabled(), path + ".filter_disabled", reasons)
                    : port -> false;
            try {
                if (Packed.is(typed, TlsInspector.getDefaultInstance())) {
                    tls = true;
                    notTls = disabled;
                    // How much is read at first changes nothing that can be seen.
                    Fields.of(Packed.unpack(typed, TlsInspector.getDefaultInstance()), path)
                            .honours("initial_read_buffer_size")
                            .offOnly("enable_ja3_fingerprinting")
                            .refuseOthers(reasons);
                } else if (Packed.is(typed, HttpInspector.getDefaultInstance())) {
                    http = true;
                    notHttp = disabled;
                    Fields.of(Packed.unpack(typed, HttpInspector.getDefaultInstance()), path)
                            .refuseOthers(reasons);
                } else if (Packed.is(typed, OriginalDst.getDefaultInstance())) {
                    Fields.of(Packed.unpack(typed, OriginalDst.getDefaultInstance()), path)
                            .refuseOthers(reasons);
                    if (filter.hasFilterDisabled()) {
                        reasons.add(path + ".filter_disabled: not supported for original_dst");
                    }
                } else if (Packed.is(typed, OriginalSrc.getDefaultInstance())) {
                    // Read by itself.
                    if (filter.hasFilterDisabled()) {
                        reasons.add(path + ".filter_disabled: not supported for original_src");
                    }
                } else {
                    reasons.add(
                            path + ": \"" + typed.getTypeUrl()
                                    + "\" is not supported (expected: original_dst, original_src, tls_inspector or http_inspector)");
                }
            } catch (InvalidProtocolBufferException e) {
                reasons.add(path + ".typed_config: " + e.getMessage());
            }
        }
        for (FilterChain chain : proto.getFilterChainsList()) {
            var match = chain.getFilterChainMatch();
            tls |= match.getTransportProtocol().equals("tls")
                    || (match.getTransportProtocol().isEmpty()
                            && match.getServerNamesCount() + match.getApplicationProtocolsCount() > 0);
        }
        tls |= chains.stream()
                .anyMatch(chain -> chain.tls() != null && chain.tls().needsHello());
        return tls || http
                ? new ListenerSpec.Inspected(
                        tls,
                        http,
                        notTls,
                        notHttp,
                        proto.hasListenerFiltersTimeout()
                                ? Duration.ofNanos(Durations.toNanos(proto.getListenerFiltersTimeout()))
                                : USUAL_TIMEOUT,
                        proto.getContinueOnListenerFiltersTimeout())
                : ListenerSpec.Inspected.NOTHING;
    }

    private static ListenerSpec.@Nullable OriginalSource keepsSource(Listener proto, List<String> reasons) {
        ListenerSpec.OriginalSource found = null;
        for (int i = 0; i < proto.getListenerFiltersCount(); i++) {
            Any typed = proto.getListenerFilters(i).getTypedConfig();
            String path = "listener_filters[" + i + "].typed_config";
            try {
                if (Packed.is(typed, OriginalSrc.getDefaultInstance())) {
                    OriginalSrc filter = Packed.unpack(typed, OriginalSrc.getDefaultInstance());
                    Fields.of(filter, path).honours("mark").refuseOthers(reasons);
                    found = new ListenerSpec.OriginalSource(filter.getMark());
                }
            } catch (InvalidProtocolBufferException e) {
                reasons.add(path + ": " + e.getMessage());
            }
        }
        return found;
    }

    // Where a filter is left out: by the port that the client was going to.
    private static IntPredicate disabled(ListenerFilterChainMatchPredicate proto, String path, List<String> reasons) {
        return switch (proto.getRuleCase()) {
            case ANY_MATCH -> port -> proto.getAnyMatch();
            case NOT_MATCH ->
                disabled(proto.getNotMatch(), path + ".not_match", reasons).negate();
            case OR_MATCH -> {
                IntPredicate any = port -> false;
                for (int i = 0; i < proto.getOrMatch().getRulesCount(); i++) {
                    any = any.or(
                            disabled(proto.getOrMatch().getRules(i), path + ".or_match.rules[" + i + "]", reasons));
                }
                yield any;
            }
            case AND_MATCH -> {
                IntPredicate all = port -> true;
                for (int i = 0; i < proto.getAndMatch().getRulesCount(); i++) {
                    all = all.and(
                            disabled(proto.getAndMatch().getRules(i), path + ".and_match.rules[" + i + "]", reasons));
                }
                yield all;
            }
            case DESTINATION_PORT_RANGE -> {
                int start = proto.getDestinationPortRange().getStart();
                int end = proto.getDestinationPortRange().getEnd();
                yield port -> port >= start && port < end;
            }
            case RULE_NOT_SET -> {
                reasons.add(path + ": empty (expected: a rule)");
                yield port -> false;
            }
        };
    }

    @SuppressWarnings("deprecation") // use_proxy_proto is refused by name
    private static void guard(Listener proto, List<String> reasons) {
        Fields.of(proto, "")
                .honours(
                        "name",
                        "address",
                        "additional_addresses",
                        "stat_prefix",
                        "filter_chains",
                        "filter_chain_matcher", // refused where the chains are compiled
                        "default_filter_chain",
                        "per_connection_buffer_limit_bytes",
                        "metadata",
                        "listener_filters",
                        "listener_filters_timeout",
                        "continue_on_listener_filters_timeout",
                        "traffic_direction",
                        "enable_reuse_port",
                        "tcp_backlog_size",
                        "bind_to_port",
                        "use_original_dst",
                        "transparent",
                        "freebind",
                        "connection_balance_config",
                        // There is no such limit and no such manager here.
                        "ignore_global_conn_limit",
                        "bypass_overload_manager")
                .refuseOthers(reasons);
        Fields.of(proto.getConnectionBalanceConfig(), "connection_balance_config")
                .honours("exact_balance")
                .refuseOthers(reasons);
        for (int i = 0; i < proto.getAdditionalAddressesCount(); i++) {
            Fields.of(proto.getAdditionalAddresses(i), "additional_addresses[" + i + "]")
                    .honours("address")
                    .refuseOthers(reasons);
        }
    }

    private ListenerSpec.Chain chain(
            FilterChain proto, String name, String path, BindContext context, List<String> reasons) {
        Fields.of(proto, path)
                .honours(
                        "filter_chain_match",
                        "filters",
                        "metadata",
                        "transport_socket",
                        "transport_socket_connect_timeout",
                        "name")
                .offOnly("use_proxy_proto")
                .refuseOthers(reasons);
        var bound = new ArrayList<NetworkFilterFactory.Bound>();
        for (int i = 0; i < proto.getFiltersCount(); i++) {
            var filter = proto.getFilters(i);
            Any typed = filter.getTypedConfig();
            String at = path + ".filters[" + i + "] (" + filter.getName() + ")";
            Fields.of(filter, at).honours("name", "typed_config").refuseOthers(reasons);
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
        DownstreamTls tls = null;
        if (proto.hasTransportSocket()) {
            try {
                tls = TlsContexts.downstream(proto.getTransportSocket().getTypedConfig(), secrets);
            } catch (ConfigRejected e) {
                e.reasons().forEach(reason -> reasons.add(path + ".transport_socket." + reason));
            }
        }
        return new ListenerSpec.Chain(
                name,
                List.copyOf(bound),
                tls,
                proto.hasTransportSocketConnectTimeout()
                        ? Duration.ofNanos(Durations.toNanos(proto.getTransportSocketConnectTimeout()))
                        : USUAL_TIMEOUT);
    }

    private static void address(Address address, String path, List<InetSocketAddress> addresses, List<String> reasons) {
        var socket = address.getSocketAddress();
        if (!address.hasSocketAddress()) {
            reasons.add(path + ": not a socket_address");
            return;
        }
        Fields.of(socket, path + ".socket_address")
                .honours("address", "port_value")
                .refuseOthers(reasons);
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
