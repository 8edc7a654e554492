package dev.mesh.api.decide.compile;

import dev.mesh.api.decide.ConnectionView;
import dev.mesh.api.decide.ListenerTable;
import dev.mesh.api.decide.Trace;
import io.envoyproxy.envoy.config.core.v3.CidrRange;
import io.envoyproxy.envoy.config.listener.v3.FilterChainMatch;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/// The filter chain matches of a listener → [ListenerTable]. At each criterion, in Envoy's order, only the
/// chains with the most specific match stay; there is no way back (`FilterChainMatch`).
public final class ListenerCompiler {
    private ListenerCompiler() {}

    /// @param sources 0 = any, 1 = same IP or loopback, 2 = external
    private record Chain(
            String name,
            int port,
            List<Cidr> destinations,
            List<String> serverNames,
            String transport,
            List<String> protocols,
            List<Cidr> directSources,
            int sources,
            List<Cidr> sourcePrefixes,
            List<Integer> sourcePorts) {}

    private record Cidr(byte[] prefix, int bits) {
        boolean contains(byte[] address) {
            if (address.length != prefix.length) {
                return false;
            }
            int whole = bits / 8;
            if (!Arrays.equals(prefix, 0, whole, address, 0, whole)) {
                return false;
            }
            int rest = bits % 8;
            return rest == 0 || ((prefix[whole] ^ address[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
        }
    }

    /// Compiles; rejected with every reason that was found.
    public static Compiled<ListenerTable> compile(Listener listener) {
        var reasons = new Reasons();
        if (listener.hasFilterChainMatcher()) {
            reasons.add("filter_chain_matcher", "not supported (expected: filter_chain_match in each chain)");
        }
        var chains = new ArrayList<Chain>();
        var seen = new HashMap<FilterChainMatch, Integer>();
        var names = new HashSet<String>();
        for (int i = 0; i < listener.getFilterChainsCount(); i++) {
            var proto = listener.getFilterChains(i);
            String path = "filter_chains[" + i + "]";
            Integer same = seen.putIfAbsent(proto.getFilterChainMatch(), i);
            if (same != null) {
                reasons.add(path + ".filter_chain_match", "the same as that of filter_chains[" + same + "]");
            }
            if (!proto.getName().isEmpty() && !names.add(proto.getName())) {
                reasons.add(path + ".name", "\"" + proto.getName() + "\" stands twice (expected: unique names)");
            }
            chains.add(chain(
                    proto.getFilterChainMatch(),
                    proto.getName().isEmpty() ? "[" + i + "]" : proto.getName(),
                    path + ".filter_chain_match",
                    reasons));
        }
        if (!reasons.isEmpty()) {
            return new Compiled.Rejected<>(reasons.all());
        }
        return new Compiled.Ok<>(new Table(List.copyOf(chains), listener.hasDefaultFilterChain()));
    }

    private static Chain chain(FilterChainMatch match, String name, String path, Reasons reasons) {
        reasons.refuseUnknown(path, match);
        if (match.getAddressSuffix().length() > 0 || match.hasSuffixLen()) {
            reasons.add(path + ".address_suffix", "not supported (nor is it by Envoy)");
        }
        var serverNames = new ArrayList<String>();
        for (int i = 0; i < match.getServerNamesCount(); i++) {
            String server = match.getServerNames(i).toLowerCase(Locale.ROOT);
            if (server.equals("*")
                    || server.lastIndexOf('*') > 0
                    || (server.startsWith("*") && !server.startsWith("*."))) {
                reasons.add(path + ".server_names[" + i + "]", "\"" + server + "\" (expected: a name or *.suffix)");
            }
            serverNames.add(server);
        }
        return new Chain(
                name,
                match.getDestinationPort().getValue(),
                cidrs(match.getPrefixRangesList(), path + ".prefix_ranges", reasons),
                serverNames,
                match.getTransportProtocol(),
                match.getApplicationProtocolsList(),
                cidrs(match.getDirectSourcePrefixRangesList(), path + ".direct_source_prefix_ranges", reasons),
                switch (match.getSourceType()) {
                    case ANY, UNRECOGNIZED -> 0;
                    case SAME_IP_OR_LOOPBACK -> 1;
                    case EXTERNAL -> 2;
                },
                cidrs(match.getSourcePrefixRangesList(), path + ".source_prefix_ranges", reasons),
                match.getSourcePortsList());
    }

    private static List<Cidr> cidrs(List<CidrRange> ranges, String path, Reasons reasons) {
        var all = new ArrayList<Cidr>();
        for (int i = 0; i < ranges.size(); i++) {
            String address = ranges.get(i).getAddressPrefix();
            byte[] bytes = literal(address);
            int bits = ranges.get(i).getPrefixLen().getValue();
            if (bytes == null) {
                reasons.add(path + "[" + i + "].address_prefix", "\"" + address + "\" (expected: an IP address)");
            } else if (bits < 0 || bits > bytes.length * 8) {
                reasons.add(path + "[" + i + "].prefix_len", bits + " (expected: 0-" + bytes.length * 8 + ")");
            } else {
                all.add(new Cidr(bytes, bits));
            }
        }
        return List.copyOf(all);
    }

    // Never asks DNS: only what looks like an address is given to the parser. An IPv4 address mapped into
    // IPv6 comes out as IPv4.
    private static byte @Nullable [] literal(String text) {
        try {
            return text.indexOf(':') < 0 && !text.matches("[0-9.]+") || text.isEmpty()
                    ? null
                    : InetAddress.ofLiteral(text).getAddress();
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    private record Table(List<Chain> chains, boolean hasDefault) implements ListenerTable {
        @Override
        public List<String> chainNames() {
            return chains.stream().map(Chain::name).toList();
        }

        @Override
        public int find(ConnectionView connection, @Nullable Trace trace) {
            int only = onlyCatchAll();
            if (only >= 0 && trace == null) {
                return only;
            }
            var left = new ArrayList<Integer>();
            for (int i = 0; i < chains.size(); i++) {
                left.add(i);
            }
            byte[] destination = connection.destinationAddress().getAddress();
            byte[] source = connection.sourceAddress().getAddress();
            byte[] direct = connection.directSourceAddress().getAddress();
            narrow(
                    left,
                    "destination_port " + connection.destinationPort(),
                    trace,
                    c -> c.port == 0 ? 0 : c.port == connection.destinationPort() ? 1 : -1);
            narrow(left, "prefix_ranges", trace, c -> longest(c.destinations, destination));
            narrow(
                    left,
                    "server_names " + connection.serverName(),
                    trace,
                    c -> server(c.serverNames, connection.serverName()));
            narrow(
                    left,
                    "transport_protocol " + connection.transportProtocol(),
                    trace,
                    c -> c.transport.isEmpty() ? 0 : c.transport.equals(connection.transportProtocol()) ? 1 : -1);
            narrow(
                    left,
                    "application_protocols " + connection.applicationProtocols(),
                    trace,
                    c -> protocol(c.protocols, connection.applicationProtocols()));
            narrow(left, "direct_source_prefix_ranges", trace, c -> longest(c.directSources, direct));
            boolean local = connection.sourceAddress().isLoopbackAddress() || Arrays.equals(source, destination);
            narrow(left, "source_type", trace, c -> c.sources == 0 ? 0 : (c.sources == 1) == local ? 1 : -1);
            narrow(left, "source_prefix_ranges", trace, c -> longest(c.sourcePrefixes, source));
            narrow(
                    left,
                    "source_ports " + connection.sourcePort(),
                    trace,
                    c -> c.sourcePorts.isEmpty() ? 0 : c.sourcePorts.contains(connection.sourcePort()) ? 1 : -1);
            int found = left.isEmpty() ? (hasDefault ? DEFAULT : NONE) : left.getFirst();
            if (trace != null) {
                if (found >= 0) {
                    trace.taken(Trace.Stage.FILTER_CHAIN, chains.get(found).name, "matches best");
                } else if (found == DEFAULT) {
                    trace.taken(Trace.Stage.FILTER_CHAIN, "default", "no other chain matches");
                } else {
                    trace.passedOver(Trace.Stage.FILTER_CHAIN, "", "no chain matches and there is no default");
                }
            }
            return found;
        }

        private int onlyCatchAll() {
            if (chains.size() != 1) {
                return -1;
            }
            Chain chain = chains.getFirst();
            return chain.port == 0
                            && chain.destinations.isEmpty()
                            && chain.serverNames.isEmpty()
                            && chain.transport.isEmpty()
                            && chain.protocols.isEmpty()
                            && chain.directSources.isEmpty()
                            && chain.sources == 0
                            && chain.sourcePrefixes.isEmpty()
                            && chain.sourcePorts.isEmpty()
                    ? 0
                    : -1;
        }

        // Keeps the chains with the highest score; negative = no match.
        private void narrow(List<Integer> left, String what, @Nullable Trace trace, ToIntFunction<Chain> score) {
            int best = 0;
            for (int i : left) {
                best = Math.max(best, score.applyAsInt(chains.get(i)));
            }
            int wanted = best;
            left.removeIf(i -> {
                boolean out = score.applyAsInt(chains.get(i)) != wanted;
                if (out && trace != null) {
                    trace.passedOver(
                            Trace.Stage.FILTER_CHAIN,
                            chains.get(i).name,
                            score.applyAsInt(chains.get(i)) < 0
                                    ? "does not match " + what
                                    : "another chain matches " + what + " better");
                }
                return out;
            });
        }

        private static int longest(List<Cidr> ranges, byte[] address) {
            if (ranges.isEmpty()) {
                return 0;
            }
            int best = -1;
            for (Cidr range : ranges) {
                if (range.contains(address)) {
                    best = Math.max(best, range.bits + 1);
                }
            }
            return best;
        }

        // Exact names first, then the longest wildcard.
        private static int server(List<String> names, String asked) {
            if (names.isEmpty()) {
                return 0;
            }
            int best = -1;
            for (String name : names) {
                if (name.equals(asked)) {
                    return 1000;
                }
                if (name.startsWith("*.") && asked.length() > name.length() - 1 && asked.endsWith(name.substring(1))) {
                    best = Math.max(best, name.length());
                }
            }
            return best;
        }

        // The client's first protocol that a chain has wins.
        private static int protocol(List<String> protocols, List<String> offered) {
            if (protocols.isEmpty()) {
                return 0;
            }
            for (int i = 0; i < offered.size(); i++) {
                if (protocols.contains(offered.get(i))) {
                    return 1000 - i;
                }
            }
            return -1;
        }
    }
}
