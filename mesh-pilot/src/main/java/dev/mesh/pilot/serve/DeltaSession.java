package dev.mesh.pilot.serve;

import dev.mesh.api.proto.v1.PushCommit;
import dev.mesh.api.proto.v1.TypeChange;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.generate.ProxyView;
import dev.mesh.pilot.generate.Resource;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// What one client of incremental xDS has subscribed to and been sent: requests and views in, responses out.
/// No I/O; one thread at a time.
///
/// Additions go in push order, removals after them in reverse, so that nothing is taken away that something
/// still refers to (xDS protocol, "Eventual consistency considerations").
final class DeltaSession implements ClientSession<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
    private static final List<XdsType> ORDER = List.of(
            XdsType.CLUSTER,
            XdsType.ENDPOINT,
            XdsType.LISTENER,
            XdsType.ROUTE,
            XdsType.VIRTUAL_HOST,
            XdsType.SECRET,
            XdsType.NAME_TABLE);

    private final Map<XdsType, Subscription> subscriptions = new EnumMap<>(XdsType.class);
    private long nonces;

    /// One type's state.
    static final class Subscription {
        private boolean wildcard;
        private final Set<String> names = new TreeSet<>();
        /// Name → version that the client has, as far as it was sent.
        private final Map<String, String> sent = new TreeMap<>();
        /// Names that the client was told do not exist.
        private final Set<String> absent = new HashSet<>();
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
    public List<DeltaDiscoveryResponse> onRequest(XdsType type, DeltaDiscoveryRequest request, ProxyView view) {
        Subscription subscription = subscriptions.get(type);
        boolean first = subscription == null;
        if (subscription == null) {
            subscription = new Subscription();
            subscriptions.put(type, subscription);
            subscription.sent.putAll(request.getInitialResourceVersionsMap());
        }
        // A stale nonce answers an old response; what the request subscribes to counts all the same.
        if (!request.getResponseNonce().isEmpty() && request.getResponseNonce().equals(subscription.lastNonce)) {
            subscription.ackedNonce = request.getResponseNonce();
            subscription.error =
                    request.hasErrorDetail() ? request.getErrorDetail().getMessage() : "";
        }
        boolean changed = subscribe(type, subscription, request, first);
        changed |= unsubscribe(subscription, request);
        if (type == XdsType.ROUTE) {
            forgetHosts(request.getResourceNamesUnsubscribeList());
        }
        if (type == XdsType.PUSH_COMMIT) {
            return first ? commit(view, List.of()) : List.of();
        }
        if (!changed) {
            return List.of();
        }
        var responses = new ArrayList<DeltaDiscoveryResponse>();
        addIfAny(responses, response(type, subscription, view, true, true, first));
        Subscription hosts = subscriptions.get(XdsType.VIRTUAL_HOST);
        if (type == XdsType.ROUTE && hosts != null && hosts.wildcard) {
            // A new route configuration widens what the wildcard of virtual hosts covers.
            addIfAny(responses, response(XdsType.VIRTUAL_HOST, hosts, view, true, true, false));
        }
        return responses;
    }

    private static boolean subscribe(
            XdsType type, Subscription subscription, DeltaDiscoveryRequest request, boolean first) {
        boolean changed = false;
        if (first
                && request.getResourceNamesSubscribeCount() == 0
                && (type.wildcardByDefault() || type == XdsType.VIRTUAL_HOST)) {
            subscription.wildcard = true;
            changed = true;
        }
        for (String name : request.getResourceNamesSubscribeList()) {
            changed = true;
            if (name.equals("*")) {
                subscription.wildcard = true;
            } else {
                subscription.names.add(name);
                // Whoever asks by name gets it, whatever he was sent before; but at the start of a stream he has
                // just said what he has.
                if (!first) {
                    subscription.sent.remove(name);
                }
                subscription.absent.remove(name);
            }
        }
        return changed;
    }

    // Without its route configuration a client drops the virtual hosts too.
    private void forgetHosts(Collection<String> routes) {
        Subscription hosts = subscriptions.get(XdsType.VIRTUAL_HOST);
        if (hosts != null) {
            hosts.sent.keySet().removeIf(name -> routes.contains(routeOf(name)));
            hosts.absent.removeIf(name -> routes.contains(routeOf(name)));
        }
    }

    private static boolean unsubscribe(Subscription subscription, DeltaDiscoveryRequest request) {
        boolean changed = false;
        for (String name : request.getResourceNamesUnsubscribeList()) {
            if (name.equals("*")) {
                subscription.wildcard = false;
                subscription.sent.keySet().retainAll(subscription.names);
            } else if (subscription.names.remove(name) || subscription.wildcard) {
                if (subscription.wildcard) {
                    // The client may have forgotten it: it is told anew what the wildcard gives.
                    subscription.sent.remove(name);
                    subscription.absent.remove(name);
                    changed = true;
                } else {
                    subscription.sent.remove(name);
                }
                subscription.absent.remove(name);
            }
        }
        return changed;
    }

    @Override
    public List<DeltaDiscoveryResponse> onPush(ProxyView view) {
        var responses = new ArrayList<DeltaDiscoveryResponse>();
        for (XdsType type : ORDER) {
            Subscription subscription = subscriptions.get(type);
            if (subscription != null) {
                // A domain may move from one virtual host to another: there the removal goes along.
                var response = response(type, subscription, view, true, type == XdsType.VIRTUAL_HOST, false);
                if (type == XdsType.CLUSTER && response != null) {
                    resendEndpoints(response);
                }
                addIfAny(responses, response);
            }
        }
        for (XdsType type : ORDER.reversed()) {
            Subscription subscription = subscriptions.get(type);
            if (subscription != null) {
                addIfAny(responses, response(type, subscription, view, false, true, false));
            }
        }
        // Even if nothing of it concerns the client: what it asks for from now on is of this push.
        responses.addAll(commit(view, responses));
        return responses;
    }

    // A client waits for endpoints of every cluster that it was sent anew, changed or not.
    private void resendEndpoints(DeltaDiscoveryResponse clusters) {
        Subscription endpoints = subscriptions.get(XdsType.ENDPOINT);
        if (endpoints != null) {
            clusters.getResourcesList().forEach(cluster -> endpoints.sent.remove(cluster.getName()));
        }
    }

    private static void addIfAny(List<DeltaDiscoveryResponse> responses, @Nullable DeltaDiscoveryResponse response) {
        if (response != null) {
            responses.add(response);
        }
    }

    private @Nullable DeltaDiscoveryResponse response(
            XdsType type,
            Subscription subscription,
            ProxyView view,
            boolean changes,
            boolean removals,
            boolean always) {
        SortedMap<String, Resource> available = view.of(type);
        var response = DeltaDiscoveryResponse.newBuilder();
        if (changes) {
            for (Resource resource : wanted(type, subscription, available)) {
                if (!resource.version().equals(subscription.sent.get(resource.name()))) {
                    response.addResources(io.envoyproxy.envoy.service.discovery.v3.Resource.newBuilder()
                            .setName(resource.name())
                            .setVersion(resource.version())
                            .setResource(resource.body()));
                    subscription.sent.put(resource.name(), resource.version());
                    subscription.absent.remove(resource.name());
                }
            }
        }
        if (removals) {
            response.addAllRemovedResources(removed(type, subscription, available, view));
        }
        if (response.getResourcesCount() == 0
                && response.getRemovedResourcesCount() == 0
                && !(always && type.wildcardByDefault())) {
            return null;
        }
        String nonce = type.shortName() + "-" + ++nonces;
        subscription.lastNonce = nonce;
        return response.setTypeUrl(type.typeUrl())
                .setNonce(nonce)
                .setSystemVersionInfo(view.pushId())
                .build();
    }

    private Collection<Resource> wanted(
            XdsType type, Subscription subscription, SortedMap<String, Resource> available) {
        if (type == XdsType.VIRTUAL_HOST && subscription.wildcard) {
            Set<String> routes = routeNames();
            return available.values().stream()
                    .filter(resource -> routes.contains(routeOf(resource.name())))
                    .toList();
        }
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

    private Set<String> routeNames() {
        Subscription routes = subscriptions.get(XdsType.ROUTE);
        return routes == null ? Set.of() : routes.names;
    }

    private static String routeOf(String virtualHost) {
        int slash = virtualHost.lastIndexOf('/');
        return slash < 0 ? "" : virtualHost.substring(0, slash);
    }

    private Set<String> removed(
            XdsType type, Subscription subscription, SortedMap<String, Resource> available, ProxyView view) {
        var removed = new LinkedHashSet<String>();
        for (String name : List.copyOf(subscription.sent.keySet())) {
            if (!available.containsKey(name)) {
                removed.add(name);
                subscription.sent.remove(name);
                subscription.absent.add(name);
            }
        }
        for (String name : subscription.names) {
            if (!available.containsKey(name) && subscription.absent.add(name)) {
                removed.add(name);
            }
        }
        if (type == XdsType.VIRTUAL_HOST && subscription.wildcard) {
            // A route configuration without any virtual host would keep its listener waiting.
            for (String route : routeNames()) {
                String none = route + "/none";
                boolean any = !available.subMap(route + "/", route + "0").isEmpty();
                if (!any && view.of(XdsType.ROUTE).containsKey(route) && subscription.absent.add(none)) {
                    removed.add(none);
                }
            }
        }
        return removed;
    }

    /// The end of a push, for who wants to hear of it.
    ///
    /// @param changes what the client was sent of it
    private List<DeltaDiscoveryResponse> commit(ProxyView view, List<DeltaDiscoveryResponse> changes) {
        Subscription subscription = subscriptions.get(XdsType.PUSH_COMMIT);
        if (subscription == null || view.pushId().isEmpty() || view.pushId().equals(subscription.sent.get("commit"))) {
            return List.of();
        }
        subscription.sent.put("commit", view.pushId());
        var commit = PushCommit.newBuilder().setPushId(view.pushId());
        for (DeltaDiscoveryResponse response : changes) {
            var change = TypeChange.newBuilder()
                    .setTypeUrl(response.getTypeUrl())
                    .addAllRemoved(response.getRemovedResourcesList());
            response.getResourcesList()
                    .forEach(resource -> change.putVersions(resource.getName(), resource.getVersion()));
            commit.addChanges(change);
        }
        String nonce = XdsType.PUSH_COMMIT.shortName() + "-" + ++nonces;
        subscription.lastNonce = nonce;
        return List.of(DeltaDiscoveryResponse.newBuilder()
                .setTypeUrl(XdsType.PUSH_COMMIT.typeUrl())
                .setNonce(nonce)
                .setSystemVersionInfo(view.pushId())
                .addResources(io.envoyproxy.envoy.service.discovery.v3.Resource.newBuilder()
                        .setName("commit")
                        .setVersion(view.pushId())
                        .setResource(Resource.pack(commit.build())))
                .build());
    }
}
