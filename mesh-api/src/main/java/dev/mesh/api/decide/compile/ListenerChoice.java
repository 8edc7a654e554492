package dev.mesh.api.decide.compile;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.decide.explain.Explanation.Step;
import dev.mesh.api.decide.explain.RequestDescription;
import io.envoyproxy.envoy.config.core.v3.TrafficDirection;
import io.envoyproxy.envoy.config.listener.v3.AdditionalAddress;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.extensions.filters.listener.original_dst.v3.OriginalDst;
import io.envoyproxy.envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager;
import io.envoyproxy.envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy;
import java.net.InetAddress;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Which listener a described connection comes to.
///
/// That is the one at its destination, if there is one. In a pod whose traffic is intercepted, all others come to the
/// listener that captures for their direction: one with `use_original_dst`, which hands over what another listener is
/// for, or with the listener filter `original_dst`.
final class ListenerChoice {
    /// As many are all told of; of more, those alone that would do.
    private static final int FEW = 20;

    private final List<Listener> listeners;
    private final RequestDescription request;
    private final List<String> addresses;

    /// @param addresses of the request's host, as far as they are known
    ListenerChoice(List<Listener> listeners, RequestDescription request, List<String> addresses) {
        this.listeners = listeners;
        this.request = request;
        this.addresses = addresses.stream().map(ListenerChoice::plain).toList();
    }

    // One form of an address, for IPv6 has many, and URLs put it in brackets.
    private static String plain(String literal) {
        try {
            return InetAddress.ofLiteral(literal.replaceAll("[\\[\\]]", "")).getHostAddress();
        } catch (IllegalArgumentException e) {
            return literal;
        }
    }

    /// Writes down what is said of each.
    @Nullable
    Listener choose(List<Step> steps) {
        Listener best = null;
        int bestScore = -1;
        for (Listener candidate : listeners) {
            int score = score(candidate);
            if (score > bestScore) {
                best = candidate;
                bestScore = score;
            }
        }
        if (best == null) {
            best = listeners.stream()
                    .filter(candidate ->
                            request.listener().isEmpty() && isOfDirection(candidate) && captures(candidate))
                    .findFirst()
                    .orElse(null);
        }
        for (Listener candidate : listeners) {
            if (candidate == best || score(candidate) >= 0 || listeners.size() <= FEW) {
                String reason = candidate == best ? taken(candidate) : whyNot(candidate, best);
                steps.add(new Step("listener", candidate == best, candidate.getName(), reason, null));
            }
        }
        return best;
    }

    /// Where a connection was going that comes to this listener.
    InetAddress destination(Listener listener) {
        String literal =
                addresses.isEmpty() ? listener.getAddress().getSocketAddress().getAddress() : addresses.getFirst();
        try {
            return InetAddress.ofLiteral(literal);
        } catch (IllegalArgumentException e) {
            return InetAddress.getLoopbackAddress();
        }
    }

    /// Its port there.
    int destinationPort(Listener listener) {
        return captures(listener)
                ? request.port()
                : listener.getAddress().getSocketAddress().getPortValue();
    }

    // Higher fits better; negative: not at all.
    private int score(Listener listener) {
        if (!request.listener().isEmpty()) {
            return request.listener().equals(listener.getName()) ? 1 : -1;
        }
        if (listener.hasApiListener() || !isOfDirection(listener)) {
            return -1;
        }
        var at = listener.getAddress().getSocketAddress();
        if (request.port() != 0 && at.getPortValue() != 0 && at.getPortValue() != request.port()) {
            return -1;
        }
        boolean anywhere = at.getAddress().equals("0.0.0.0") || at.getAddress().equals("::");
        int score = 0;
        if (isAt(listener)) {
            score += 4;
        } else if (!addresses.isEmpty()) {
            return anywhere ? 1 : -1;
        }
        boolean http = listener.getFilterChainsList().stream()
                .flatMap(chain -> chain.getFiltersList().stream())
                .anyMatch(filter -> Packed.is(filter.getTypedConfig(), HttpConnectionManager.getDefaultInstance()));
        if (!http && !anywhere && !isFor(listener)) {
            return -1;
        }
        return http == !request.scheme().equals("tcp") ? score + 2 : score;
    }

    // A Service of both families has its second address there.
    private boolean isAt(Listener listener) {
        return Stream.concat(
                        Stream.of(listener.getAddress()),
                        listener.getAdditionalAddressesList().stream().map(AdditionalAddress::getAddress))
                .anyMatch(address ->
                        addresses.contains(plain(address.getSocketAddress().getAddress())));
    }

    private boolean isOfDirection(Listener listener) {
        return (listener.getTrafficDirection() == TrafficDirection.INBOUND) == request.inbound();
    }

    private static boolean captures(Listener listener) {
        return listener.getUseOriginalDst().getValue()
                || listener.getListenerFiltersList().stream()
                        .anyMatch(filter -> Packed.is(filter.getTypedConfig(), OriginalDst.getDefaultInstance()));
    }

    // Clusters whose names tell a host (`outbound|7070||stock.shop.svc.cluster.local`) must be of the request's, where
    // the host's address is not known.
    private boolean isFor(Listener listener) {
        if (!addresses.isEmpty()) {
            return true;
        }
        List<String> hosts = listener.getFilterChainsList().stream()
                .flatMap(chain -> chain.getFiltersList().stream())
                .map(filter -> cluster(filter.getTypedConfig()).split("\\|", -1))
                .filter(name -> name.length == 4 && !name[3].isEmpty())
                .map(name -> name[3])
                .toList();
        return hosts.isEmpty()
                || hosts.stream()
                        .anyMatch(host -> host.equals(request.host()) || host.startsWith(request.host() + "."));
    }

    private static String cluster(Any filter) {
        try {
            if (!Packed.is(filter, TcpProxy.getDefaultInstance())) {
                return "";
            }
            TcpProxy proxy = Packed.unpack(filter, TcpProxy.getDefaultInstance());
            return proxy.hasWeightedClusters() && proxy.getWeightedClusters().getClustersCount() > 0
                    ? proxy.getWeightedClusters().getClusters(0).getName()
                    : proxy.getCluster();
        } catch (InvalidProtocolBufferException e) {
            return "";
        }
    }

    private String taken(Listener listener) {
        if (!request.listener().isEmpty()) {
            return "was asked for";
        }
        if (score(listener) >= 0) {
            return "listens at " + at(listener);
        }
        String destination = (addresses.isEmpty() ? request.host() : addresses.getFirst()) + ":" + request.port();
        return request.inbound()
                ? "captures what comes in"
                : "captures what goes out, and no other listener is at " + destination;
    }

    private String whyNot(Listener listener, @Nullable Listener best) {
        if (!request.listener().isEmpty()) {
            return "not the one that was asked for";
        }
        if (!isOfDirection(listener)) {
            return request.inbound() ? "is for outbound traffic" : "is for inbound traffic";
        }
        if (best != null && captures(listener)) {
            return "captures what no other listener is for, and " + best.getName() + " is";
        }
        return "listens at " + at(listener)
                + (score(listener) >= 0 && best != null ? ", and " + best.getName() + " fits better" : "");
    }

    private static String at(Listener listener) {
        var at = listener.getAddress().getSocketAddress();
        return at.getAddress() + ":" + at.getPortValue();
    }
}
