package dev.mesh.pilot.serve;

import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.generate.ProxyView;
import dev.mesh.pilot.generate.Resource;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/// The state-of-the-world dialect (xDS protocol, "The four variants").
///
/// Listeners and clusters are always sent whole, since what is missing counts as removed. To take nothing away that a
/// route still refers to, clusters that went stay in the first response of a push and are missing in a second one at
/// its end. Of the types that are asked for by name only those that changed are sent.
final class SotwSession implements ClientSession<DiscoveryRequest, DiscoveryResponse> {
    private static final List<XdsType> ORDER = List.of(
            XdsType.CLUSTER, XdsType.ENDPOINT, XdsType.LISTENER, XdsType.ROUTE, XdsType.SECRET, XdsType.NAME_TABLE);

    private final Map<XdsType, Subscription> subscriptions = new EnumMap<>(XdsType.class);
    private ProxyView sentView = ProxyView.EMPTY;
    private long nonces;

    private static final class Subscription {
        private boolean wildcard;
        /// Whether a request ever named a resource: from then on an empty list means none.
        private boolean named;
        private final Set<String> names = new TreeSet<>();
        /// Name → version that the client was sent.
        private final Map<String, String> sent = new TreeMap<>();
        private String lastNonce = "";
        private String ackedNonce = "";
        private String error = "";
    }

    @Override
    public boolean names(XdsType type) {
        Subscription subscription = subscriptions.get(type);
        return subscription != null && !subscription.names.isEmpty();
    }

    @Override
    public Map<XdsType, TypeState> states() {
        var states = new EnumMap<XdsType, TypeState>(XdsType.class);
        subscriptions.forEach((type, subscription) -> states.put(
                type,
                new TypeState(
                        subscription.sent.size(),
                        subscription.lastNonce,
                        subscription.ackedNonce,
                        subscription.error)));
        return states;
    }

    @Override
    public List<DiscoveryResponse> onRequest(XdsType type, DiscoveryRequest request, ProxyView view) {
        Subscription subscription = subscriptions.get(type);
        boolean first = subscription == null;
        if (subscription == null) {
            subscription = new Subscription();
            subscriptions.put(type, subscription);
        }
        // A stale nonce answers a response that another has overtaken, so it neither accepts nor refuses anything. What
        // the request asks for counts all the same: a client that has given up the last name of a type reads no more
        // responses of that type (grpc-java), and would never answer the newer one.
        if (!first && request.getResponseNonce().equals(subscription.lastNonce)) {
            subscription.ackedNonce = request.getResponseNonce();
            subscription.error =
                    request.hasErrorDetail() ? request.getErrorDetail().getMessage() : "";
        }
        boolean more = subscribe(type, subscription, request.getResourceNamesList());
        if (first && isCurrent(type, subscription, request, view)) {
            return List.of();
        }
        // Who gives names up waits for nothing.
        if (!first && !more) {
            return List.of();
        }
        var resources = toSend(type, subscription, view);
        // Whoever asks by name for what is not there waits; the protocol has no word for absence here.
        if (resources.isEmpty() && !type.wildcardByDefault()) {
            return List.of();
        }
        return List.of(response(type, subscription, resources, view));
    }

    // Whether the client asks for more than it did.
    private static boolean subscribe(XdsType type, Subscription subscription, List<String> names) {
        var wanted = new TreeSet<>(names);
        boolean star = wanted.remove("*");
        boolean wildcard = star || (names.isEmpty() && !subscription.named && type.wildcardByDefault());
        subscription.named |= !names.isEmpty();
        boolean more = (wildcard && !subscription.wildcard) || !subscription.names.containsAll(wanted);
        subscription.wildcard = wildcard;
        subscription.names.clear();
        subscription.names.addAll(wanted);
        if (!wildcard) {
            subscription.sent.keySet().retainAll(wanted);
        }
        return more;
    }

    // A client that comes back and has all of it already is not sent it again.
    private static boolean isCurrent(
            XdsType type, Subscription subscription, DiscoveryRequest request, ProxyView view) {
        var wanted = wanted(type, subscription, view);
        if (request.getVersionInfo().isEmpty()
                || !request.getVersionInfo().equals(version(wanted))
                || (!subscription.wildcard && wanted.size() != subscription.names.size())) {
            return false;
        }
        wanted.forEach(resource -> subscription.sent.put(resource.name(), resource.version()));
        return true;
    }

    @Override
    public List<DiscoveryResponse> onPush(ProxyView view) {
        var responses = new ArrayList<DiscoveryResponse>();
        boolean clustersWent = false;
        for (XdsType type : ORDER) {
            Subscription subscription = subscriptions.get(type);
            if (subscription == null) {
                continue;
            }
            var wanted = wanted(type, subscription, view);
            var changed = wanted.stream()
                    .filter(resource -> !resource.version().equals(subscription.sent.get(resource.name())))
                    .map(Resource::name)
                    .toList();
            boolean went = type.wildcardByDefault()
                    && subscription.sent.size()
                                    + changed.stream()
                                            .filter(name -> !subscription.sent.containsKey(name))
                                            .count()
                            > wanted.size();
            if (type == XdsType.CLUSTER && went) {
                clustersWent = true;
                if (!changed.isEmpty()) {
                    responses.add(response(type, subscription, withOld(subscription, wanted), view));
                }
            } else if (!changed.isEmpty() || went) {
                responses.add(response(type, subscription, toSend(type, subscription, view), view));
            }
            Subscription endpoints = subscriptions.get(XdsType.ENDPOINT);
            if (type == XdsType.CLUSTER && endpoints != null) {
                // A client waits for endpoints of every cluster that changed, whether they did or not.
                changed.forEach(endpoints.sent::remove);
            }
        }
        Subscription clusters = subscriptions.get(XdsType.CLUSTER);
        if (clustersWent && clusters != null) {
            responses.add(response(XdsType.CLUSTER, clusters, toSend(XdsType.CLUSTER, clusters, view), view));
        }
        sentView = view;
        return responses;
    }

    private List<Resource> withOld(Subscription subscription, Collection<Resource> wanted) {
        var all = new LinkedHashMap<String, Resource>();
        wanted.forEach(resource -> all.put(resource.name(), resource));
        SortedMap<String, Resource> before = sentView.of(XdsType.CLUSTER);
        subscription.sent.keySet().forEach(name -> {
            Resource old = before.get(name);
            if (old != null) {
                all.putIfAbsent(name, old);
            }
        });
        return List.copyOf(all.values());
    }

    private static List<Resource> toSend(XdsType type, Subscription subscription, ProxyView view) {
        return wanted(type, subscription, view).stream()
                .filter(resource ->
                        type.wildcardByDefault() || !resource.version().equals(subscription.sent.get(resource.name())))
                .toList();
    }

    private static Collection<Resource> wanted(XdsType type, Subscription subscription, ProxyView view) {
        SortedMap<String, Resource> available = view.of(type);
        if (subscription.wildcard) {
            return available.values();
        }
        var named = new ArrayList<Resource>();
        for (String name : subscription.names) {
            Resource resource = available.get(name);
            if (resource != null) {
                named.add(resource);
            }
        }
        return named;
    }

    private DiscoveryResponse response(
            XdsType type, Subscription subscription, List<Resource> resources, ProxyView view) {
        if (type.wildcardByDefault()) {
            subscription.sent.clear();
        }
        resources.forEach(resource -> subscription.sent.put(resource.name(), resource.version()));
        String nonce = type.shortName() + "-" + ++nonces;
        subscription.lastNonce = nonce;
        if (sentView == ProxyView.EMPTY) {
            sentView = view;
        }
        var response = DiscoveryResponse.newBuilder()
                .setTypeUrl(type.typeUrl())
                .setNonce(nonce)
                .setVersionInfo(
                        type.wildcardByDefault() ? version(resources) : version(wanted(type, subscription, view)));
        resources.forEach(resource -> response.addResources(resource.body()));
        return response.build();
    }

    /// A hash over names and versions: equal in every replica.
    static String version(Collection<Resource> resources) {
        try {
            var digest = MessageDigest.getInstance("SHA-256");
            resources.forEach(resource -> digest.update(
                    (resource.name() + "\n" + resource.version() + "\n").getBytes(StandardCharsets.UTF_8)));
            return HexFormat.of().formatHex(digest.digest(), 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
