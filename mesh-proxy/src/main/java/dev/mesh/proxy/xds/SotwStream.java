package dev.mesh.proxy.xds;

import com.google.protobuf.Any;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.WireFormat;
import com.google.rpc.Status;
import dev.mesh.api.decide.compile.Packed;
import dev.mesh.api.xds.XdsType;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.Resource;
import io.grpc.Channel;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// The state-of-the-world dialect: each request names all that is wanted, and each response of clusters or
/// listeners is all there is, so that what is absent is gone. Other types may come in parts.
final class SotwStream implements AdsStream {
    private static final long FIRST_PAUSE_MILLIS = 500;
    private static final long MAX_PAUSE_MILLIS = 30_000;
    private static final String WRAPPER = "type.googleapis.com/envoy.service.discovery.v3.Resource";

    private final Node node;
    private final AdsClient.Handler handler;
    private final AdsClient.Events events;
    private final Known known;
    private final Map<XdsType, String> nonces = new EnumMap<>(XdsType.class);
    private final Map<XdsType, Set<String>> subscribed = new EnumMap<>(XdsType.class);
    private final Map<XdsType, Refused> refused = new EnumMap<>(XdsType.class);
    private final StreamObserver<DiscoveryRequest> requests;
    private boolean nodeSent;

    /// @param times how often this version was refused, one after the other
    private record Refused(String version, int times) {}

    SotwStream(Channel channel, Node node, AdsClient.Handler handler, AdsClient.Events events, Known known) {
        this.node = node;
        this.handler = handler;
        this.events = events;
        this.known = known;
        requests = AggregatedDiscoveryServiceGrpc.newStub(channel)
                .streamAggregatedResources(events.observer(this::onResponse));
        requests.onNext(request(XdsType.CLUSTER).build());
        requests.onNext(request(XdsType.LISTENER).build());
        if (handler.wantsNames()) {
            requests.onNext(request(XdsType.NAME_TABLE).build());
        }
        updateSubscriptions();
    }

    private void onResponse(DiscoveryResponse response) {
        XdsType type = XdsType.ofTypeUrl(response.getTypeUrl());
        if (type == null) {
            events.unknownType(response.getTypeUrl());
            return;
        }
        nonces.put(type, response.getNonce());
        boolean complete = type == XdsType.CLUSTER || type == XdsType.LISTENER;
        var received = new ArrayList<AdsClient.Handler.Received>();
        var reasons = new ArrayList<String>();
        for (int i = 0; i < response.getResourcesCount(); i++) {
            try {
                var resource = read(type, response.getResources(i), response.getVersionInfo());
                if (type.wildcardByDefault()
                        || subscribed.getOrDefault(type, Set.of()).contains(resource.name())) {
                    received.add(resource);
                }
            } catch (IOException e) {
                reasons.add("resources[" + i + "]: " + e.getMessage());
            }
        }
        // With a member that cannot even be named, nobody knows what is absent.
        reasons.addAll(handler.onResources(type, received, List.of(), complete && reasons.isEmpty(), ""));
        if (reasons.isEmpty()) {
            known.version(type, response.getVersionInfo());
            refused.remove(type);
            requests.onNext(request(type).build());
        } else {
            events.rejected();
            refuse(type, response, Replies.refusal(type, reasons));
        }
        updateSubscriptions();
    }

    // Some servers send what was refused again at once, as long as they hear of an older version. So that this
    // does not spin, the same refusal waits longer each time.
    private void refuse(XdsType type, DiscoveryResponse response, Status why) {
        Refused before = refused.get(type);
        int times = before != null && before.version.equals(response.getVersionInfo()) ? before.times + 1 : 1;
        refused.put(type, new Refused(response.getVersionInfo(), times));
        Runnable answer = () -> {
            // Answered by what was sent meanwhile, if there is a newer response.
            if (response.getNonce().equals(nonces.get(type))) {
                requests.onNext(request(type).setErrorDetail(why).build());
            }
        };
        if (times == 1) {
            answer.run();
        } else {
            events.later(answer, Math.min(MAX_PAUSE_MILLIS, FIRST_PAUSE_MILLIS << Math.min(times - 2, 10)));
        }
    }

    private static AdsClient.Handler.Received read(XdsType type, Any body, String version) throws IOException {
        Any inner = body;
        String name = "";
        if (body.getTypeUrl().equals(WRAPPER)) {
            Resource wrapped = Packed.unpack(body, Resource.getDefaultInstance());
            inner = wrapped.getResource();
            name = wrapped.getName();
        }
        if (!inner.getTypeUrl().equals(type.typeUrl())) {
            throw new InvalidProtocolBufferException(
                    "\"" + inner.getTypeUrl() + "\" (expected: " + type.typeUrl() + ")");
        }
        return new AdsClient.Handler.Received(name.isEmpty() ? name(type, inner) : name, version, inner);
    }

    // Every type of resource has its name in field 1, but for the table of which there is one.
    private static String name(XdsType type, Any resource) throws IOException {
        if (type == XdsType.NAME_TABLE) {
            return type.shortName();
        }
        CodedInputStream in = resource.getValue().newCodedInput();
        String name = "";
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            if (tag == (1 << 3 | WireFormat.WIRETYPE_LENGTH_DELIMITED)) {
                name = in.readString();
            } else {
                in.skipField(tag);
            }
        }
        return name;
    }

    @Override
    public void updateSubscriptions() {
        subscribe(XdsType.ENDPOINT);
        subscribe(XdsType.ROUTE);
        subscribe(XdsType.SECRET);
    }

    private void subscribe(XdsType type) {
        Set<String> wanted = handler.wanted(type);
        Set<String> have = subscribed.getOrDefault(type, Set.of());
        if (!wanted.equals(have)) {
            subscribed.put(type, new TreeSet<>(wanted));
            requests.onNext(request(type).build());
        }
    }

    // Always the whole state of a type: what is wanted, what was accepted last, which response was the newest.
    private DiscoveryRequest.Builder request(XdsType type) {
        var request = DiscoveryRequest.newBuilder()
                .setTypeUrl(type.typeUrl())
                .setVersionInfo(known.version(type))
                .setResponseNonce(nonces.getOrDefault(type, ""))
                .addAllResourceNames(subscribed.getOrDefault(type, Set.of()));
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
