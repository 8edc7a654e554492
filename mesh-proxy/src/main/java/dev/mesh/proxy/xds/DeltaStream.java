package dev.mesh.proxy.xds;

import dev.mesh.api.xds.XdsType;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.Resource;
import io.grpc.Channel;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// The incremental dialect: names come and go one by one, and a new stream begins with what is known already.
final class DeltaStream implements AdsStream {
    private final Node node;
    private final AdsClient.Handler handler;
    private final AdsClient.Events events;
    private final Known known;
    private final Map<XdsType, Set<String>> subscribed = new EnumMap<>(XdsType.class);
    private final Set<XdsType> started = EnumSet.noneOf(XdsType.class);
    private final StreamObserver<DeltaDiscoveryRequest> requests;
    private boolean nodeSent;

    DeltaStream(Channel channel, Node node, AdsClient.Handler handler, AdsClient.Events events, Known known) {
        this.node = node;
        this.handler = handler;
        this.events = events;
        this.known = known;
        requests = AggregatedDiscoveryServiceGrpc.newStub(channel)
                .deltaAggregatedResources(events.observer(this::onResponse));
        subscribeAll(XdsType.CLUSTER);
        subscribeAll(XdsType.LISTENER);
        if (handler.wantsNames()) {
            subscribeAll(XdsType.NAME_TABLE);
        }
        subscribeAll(XdsType.PUSH_COMMIT);
        updateSubscriptions();
    }

    private void onResponse(DeltaDiscoveryResponse response) {
        XdsType type = XdsType.ofTypeUrl(response.getTypeUrl());
        if (type == null) {
            events.unknownType(response.getTypeUrl());
            return;
        }
        if (type == XdsType.PUSH_COMMIT) {
            answer(type, response.getNonce(), List.of());
            for (Resource resource : response.getResourcesList()) {
                known.versions(type).put(resource.getName(), resource.getVersion());
                handler.onPushCommit(resource.getVersion());
            }
            updateSubscriptions();
            return;
        }
        var received = new ArrayList<AdsClient.Handler.Received>();
        for (Resource resource : response.getResourcesList()) {
            if (asked(type, resource.getName())) {
                received.add(new AdsClient.Handler.Received(
                        resource.getName(),
                        resource.getVersion(),
                        resource.hasResource() ? resource.getResource() : null));
            }
        }
        List<String> reasons = handler.onResources(
                type, received, response.getRemovedResourcesList(), false, response.getSystemVersionInfo());
        Map<String, String> versions = known.versions(type);
        if (reasons.isEmpty()) {
            received.forEach(resource -> versions.put(resource.name(), resource.version()));
        } else {
            events.rejected();
        }
        response.getRemovedResourcesList().forEach(versions::remove);
        answer(type, response.getNonce(), reasons);
        updateSubscriptions();
    }

    // What nobody asked for is not taken; virtual hosts may come before they are known to be wanted.
    private boolean asked(XdsType type, String name) {
        return switch (type) {
            case ENDPOINT, ROUTE, SECRET ->
                subscribed.getOrDefault(type, Set.of()).contains(name);
            case CLUSTER, LISTENER, VIRTUAL_HOST, NAME_TABLE, PUSH_COMMIT -> true;
        };
    }

    private void answer(XdsType type, String nonce, List<String> reasons) {
        var request = request(type).setResponseNonce(nonce);
        if (!reasons.isEmpty()) {
            request.setErrorDetail(Replies.refusal(type, reasons));
        }
        requests.onNext(request.build());
    }

    private void subscribeAll(XdsType type) {
        started.add(type);
        requests.onNext(request(type)
                .putAllInitialResourceVersions(known.versions(type))
                .build());
    }

    @Override
    public void updateSubscriptions() {
        subscribe(XdsType.ENDPOINT, handler.wanted(XdsType.ENDPOINT));
        subscribe(XdsType.ROUTE, handler.wanted(XdsType.ROUTE));
        subscribe(XdsType.SECRET, handler.wanted(XdsType.SECRET));
        if (handler.wantsVirtualHosts() && !started.contains(XdsType.VIRTUAL_HOST)) {
            subscribeAll(XdsType.VIRTUAL_HOST);
        }
    }

    private void subscribe(XdsType type, Set<String> wanted) {
        Set<String> have = subscribed.computeIfAbsent(type, any -> new TreeSet<>());
        var more = new ArrayList<>(wanted);
        more.removeAll(have);
        var less = new ArrayList<>(have);
        less.removeAll(wanted);
        if (more.isEmpty() && less.isEmpty()) {
            return;
        }
        var request = request(type).addAllResourceNamesSubscribe(more).addAllResourceNamesUnsubscribe(less);
        Map<String, String> versions = known.versions(type);
        if (started.add(type)) {
            versions.keySet().retainAll(wanted);
            request.putAllInitialResourceVersions(versions);
        }
        less.forEach(versions::remove);
        if (type == XdsType.ROUTE) {
            // The virtual hosts of a route configuration go with it.
            known.versions(XdsType.VIRTUAL_HOST)
                    .keySet()
                    .removeIf(host -> less.stream().anyMatch(route -> host.startsWith(route + "/")));
        }
        have.addAll(more);
        less.forEach(have::remove);
        requests.onNext(request.build());
    }

    private DeltaDiscoveryRequest.Builder request(XdsType type) {
        var request = DeltaDiscoveryRequest.newBuilder().setTypeUrl(type.typeUrl());
        if (!nodeSent) {
            nodeSent = true;
            request.setNode(node);
        }
        return request;
    }

    @Override
    public void close() {
        requests.onCompleted();
    }
}
