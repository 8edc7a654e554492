package dev.mesh.proxy.xds;

import com.google.protobuf.Any;
import com.google.protobuf.Value;
import com.google.rpc.Code;
import com.google.rpc.Status;
import dev.mesh.api.xds.ClientFeatures;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stats.Scope;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.Resource;
import io.grpc.Channel;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Delta ADS (xDS protocol, "Incremental xDS"). On the configuration thread but for gRPC's callbacks, which hand
/// over to it.
///
/// Each response is answered once: with an ACK, or a NACK that carries every reason. On a lost stream what is
/// running stays, and the next stream says which versions are there already.
public final class AdsClient {
    private static final Logger LOGGER = LoggerFactory.getLogger(AdsClient.class);
    private static final long BACKOFF_BASE_MILLIS = 500;
    private static final long BACKOFF_MAX_MILLIS = 30_000;
    private static final int MAX_NACK_MESSAGE = 4096;

    /// What is done with resources.
    public interface Handler {
        /// @param body null for a resource that is only named: a virtual host known not to exist
        record Received(
                String name, String version, @Nullable Any body) {}

        /// @return every reason to refuse a part
        List<String> onResources(XdsType type, List<Received> resources, List<String> removed);

        /// Names wanted of a type that is asked for by name.
        Set<String> wanted(XdsType type);

        /// Whether virtual hosts are to be asked for.
        boolean wantsVirtualHosts();

        /// A push ended ([ClientFeatures#PUSH_COMMIT]).
        void onPushCommit(String version);
    }

    private final Channel channel;
    private final Node node;
    private final Handler handler;
    private final ScheduledExecutorService thread;
    private final Gauge connectedState;
    private final Counter rejected;
    private final Map<XdsType, Map<String, String>> versions = new EnumMap<>(XdsType.class);
    private final Map<XdsType, Set<String>> subscribed = new EnumMap<>(XdsType.class);
    private final Set<XdsType> started = java.util.EnumSet.noneOf(XdsType.class);
    private @Nullable StreamObserver<DeltaDiscoveryRequest> requests;
    private int attempt;
    private boolean nodeSent;
    private boolean stopped;
    private long streamId;

    /// @param node as in the bootstrap; what this client can do is added here
    /// @param thread the configuration thread
    public AdsClient(Channel channel, Node node, Handler handler, ScheduledExecutorService thread, Scope stats) {
        this.channel = channel;
        this.handler = handler;
        this.thread = thread;
        this.node = node.toBuilder()
                .setUserAgentName("mesh-proxy")
                .addClientFeatures(ClientFeatures.PUSH_COMMIT)
                .setMetadata(node.getMetadata().toBuilder()
                        .putFields(
                                ClientFeatures.VHDS_METADATA,
                                Value.newBuilder().setBoolValue(true).build()))
                .build();
        Scope scope = stats.child("control_plane");
        connectedState = scope.gauge("connected_state");
        rejected = scope.counter("update_rejected");
        for (XdsType type : XdsType.values()) {
            versions.put(type, new LinkedHashMap<>());
            subscribed.put(type, new TreeSet<>());
        }
    }

    /// Opens the stream, and keeps one open until [#stop].
    public void start() {
        thread.execute(this::open);
    }

    /// Ends the stream for good.
    public void stop() {
        thread.execute(() -> {
            stopped = true;
            if (requests != null) {
                requests.onCompleted();
                requests = null;
            }
        });
    }

    private void open() {
        if (stopped) {
            return;
        }
        nodeSent = false;
        started.clear();
        subscribed.values().forEach(Set::clear);
        long mine = ++streamId;
        requests = AggregatedDiscoveryServiceGrpc.newStub(channel)
                .withWaitForReady()
                .deltaAggregatedResources(new Responses(mine));
        for (XdsType type : List.of(XdsType.CLUSTER, XdsType.LISTENER, XdsType.PUSH_COMMIT)) {
            subscribeAll(type);
        }
        updateSubscriptions();
    }

    private final class Responses implements StreamObserver<DeltaDiscoveryResponse> {
        private final long stream;

        private Responses(long stream) {
            this.stream = stream;
        }

        @Override
        public void onNext(DeltaDiscoveryResponse response) {
            hand(() -> onResponse(response));
        }

        @Override
        public void onError(Throwable problem) {
            hand(() -> lost(String.valueOf(problem.getMessage())));
        }

        @Override
        public void onCompleted() {
            hand(() -> lost("closed by the control plane"));
        }

        private void hand(Runnable action) {
            if (!thread.isShutdown()) {
                thread.execute(() -> {
                    if (stream == streamId && !stopped) {
                        action.run();
                    }
                });
            }
        }
    }

    private void lost(String reason) {
        requests = null;
        streamId++;
        connectedState.set(0);
        long bound = Math.min(BACKOFF_MAX_MILLIS, BACKOFF_BASE_MILLIS << Math.min(attempt, 10));
        attempt++;
        long pause = RandomGenerator.getDefault().nextLong(bound) + 1;
        LOGGER.atWarn()
                .addKeyValue("reason", reason)
                .addKeyValue("retryMillis", pause)
                .log("xDS stream lost; what is running stays");
        if (!thread.isShutdown()) {
            thread.schedule(this::open, pause, TimeUnit.MILLISECONDS);
        }
    }

    private void onResponse(DeltaDiscoveryResponse response) {
        attempt = 0;
        connectedState.set(1);
        XdsType type = XdsType.ofTypeUrl(response.getTypeUrl());
        if (type == null) {
            LOGGER.atWarn().addKeyValue("type", response.getTypeUrl()).log("resources of an unknown type were sent");
            return;
        }
        var received = new ArrayList<Handler.Received>();
        for (Resource resource : response.getResourcesList()) {
            received.add(new Handler.Received(
                    resource.getName(), resource.getVersion(), resource.hasResource() ? resource.getResource() : null));
        }
        if (type == XdsType.PUSH_COMMIT) {
            answer(type, response.getNonce(), List.of());
            received.forEach(resource -> handler.onPushCommit(resource.version()));
            return;
        }
        List<String> reasons = handler.onResources(type, received, response.getRemovedResourcesList());
        Map<String, String> known = versions.getOrDefault(type, Map.of());
        if (reasons.isEmpty()) {
            received.forEach(resource -> known.put(resource.name(), resource.version()));
        } else {
            rejected.inc();
            LOGGER.atError()
                    .addKeyValue("type", type.shortName())
                    .addKeyValue("reasons", reasons)
                    .log("resources refused; the last good ones stay");
        }
        response.getRemovedResourcesList().forEach(known::remove);
        answer(type, response.getNonce(), reasons);
        updateSubscriptions();
    }

    private void answer(XdsType type, String nonce, List<String> reasons) {
        var request = request(type).setResponseNonce(nonce);
        if (!reasons.isEmpty()) {
            String message = String.join("\n", reasons);
            request.setErrorDetail(Status.newBuilder()
                    .setCode(Code.INVALID_ARGUMENT_VALUE)
                    .setMessage(
                            message.length() > MAX_NACK_MESSAGE ? message.substring(0, MAX_NACK_MESSAGE) : message));
        }
        send(request.build());
    }

    private void subscribeAll(XdsType type) {
        started.add(type);
        send(request(type)
                .putAllInitialResourceVersions(versions.getOrDefault(type, Map.of()))
                .build());
    }

    /// Tells the control plane what is wanted now that was not before, or no more.
    public void updateSubscriptions() {
        if (requests == null) {
            return;
        }
        subscribe(XdsType.ENDPOINT, handler.wanted(XdsType.ENDPOINT));
        subscribe(XdsType.ROUTE, handler.wanted(XdsType.ROUTE));
        if (handler.wantsVirtualHosts() && !started.contains(XdsType.VIRTUAL_HOST)) {
            subscribeAll(XdsType.VIRTUAL_HOST);
        }
    }

    private void subscribe(XdsType type, Collection<String> wanted) {
        Set<String> have = subscribed.getOrDefault(type, Set.of());
        var more = new ArrayList<String>();
        for (String name : wanted) {
            if (!have.contains(name)) {
                more.add(name);
            }
        }
        var less = new ArrayList<String>();
        for (String name : have) {
            if (!wanted.contains(name)) {
                less.add(name);
            }
        }
        if (more.isEmpty() && less.isEmpty()) {
            return;
        }
        var request = request(type).addAllResourceNamesSubscribe(more).addAllResourceNamesUnsubscribe(less);
        Map<String, String> known = versions.getOrDefault(type, Map.of());
        if (started.add(type)) {
            known.keySet().retainAll(wanted);
            request.putAllInitialResourceVersions(known);
        }
        less.forEach(known::remove);
        have.addAll(more);
        less.forEach(have::remove);
        send(request.build());
    }

    private DeltaDiscoveryRequest.Builder request(XdsType type) {
        var request = DeltaDiscoveryRequest.newBuilder().setTypeUrl(type.typeUrl());
        if (!nodeSent) {
            nodeSent = true;
            request.setNode(node);
        }
        return request;
    }

    private void send(DeltaDiscoveryRequest request) {
        StreamObserver<DeltaDiscoveryRequest> to = requests;
        if (to != null) {
            to.onNext(request);
        }
    }
}
