package dev.mesh.proxy.boot;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import dev.mesh.api.proto.v1.PushCommit;
import dev.mesh.api.xds.XdsType;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.Resource;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// A control plane in the test's own process: a world of resources that it serves by ADS in both dialects, by
/// the protocol's rules for servers. The test changes the world and says when a type is published.
final class FakeControlPlane extends AggregatedDiscoveryServiceGrpc.AggregatedDiscoveryServiceImplBase
        implements AutoCloseable {
    private final Server server;
    private final Map<XdsType, Map<String, Message>> world = new EnumMap<>(XdsType.class);
    private final Map<XdsType, Integer> versions = new EnumMap<>(XdsType.class);
    private final List<DiscoveryRequest> requests = new ArrayList<>();
    private final List<DeltaDiscoveryRequest> deltaRequests = new ArrayList<>();
    private final List<Session<?>> sessions = new ArrayList<>();
    private final Set<XdsType> held = EnumSet.noneOf(XdsType.class);
    private @Nullable String push;
    private int streams;
    private long nonces;

    FakeControlPlane() throws IOException {
        this(NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)));
    }

    /// @param builder of the server, to which this is added
    FakeControlPlane(NettyServerBuilder builder) throws IOException {
        server = builder.addService(this).build().start();
    }

    int port() {
        return server.getPort();
    }

    // ---- what the test does ----

    synchronized FakeControlPlane put(XdsType type, String name, Message resource) {
        of(type).put(name, resource);
        return this;
    }

    synchronized FakeControlPlane remove(XdsType type, String name) {
        of(type).remove(name);
        return this;
    }

    /// Sends what the world has of the type to all who asked, as a new version.
    synchronized void publish(XdsType type) {
        versions.put(type, versions.getOrDefault(type, 1) + 1);
        sessions.forEach(session -> session.publish(type));
    }

    /// From now on each incremental response belongs to this push until [#commit].
    synchronized void begin(String id) {
        push = id;
    }

    /// Ends the push.
    synchronized void commit() {
        sessions.forEach(Session::commit);
    }

    /// Answers nothing of a type until [#release].
    synchronized void hold(XdsType type) {
        held.add(type);
    }

    synchronized void release(XdsType type) {
        held.remove(type);
        sessions.forEach(session -> session.publish(type));
    }

    /// Breaks all streams.
    synchronized void drop() {
        var open = List.copyOf(sessions);
        sessions.clear();
        open.forEach(session -> session.responses.onError(Status.UNAVAILABLE.asRuntimeException()));
    }

    /// How many streams were opened.
    synchronized int streams() {
        return streams;
    }

    /// State-of-the-world requests of a type so far.
    synchronized List<DiscoveryRequest> requests(XdsType type) {
        return requests.stream()
                .filter(request -> request.getTypeUrl().equals(type.typeUrl()))
                .toList();
    }

    /// Incremental requests of a type so far.
    synchronized List<DeltaDiscoveryRequest> deltaRequests(XdsType type) {
        return deltaRequests.stream()
                .filter(request -> request.getTypeUrl().equals(type.typeUrl()))
                .toList();
    }

    /// Forgets the requests so far.
    synchronized void forget() {
        requests.clear();
        deltaRequests.clear();
    }

    private Map<String, Message> of(XdsType type) {
        return world.computeIfAbsent(type, any -> new TreeMap<>());
    }

    private String version(XdsType type) {
        return Integer.toString(versions.getOrDefault(type, 1));
    }

    // ---- streams ----

    @Override
    public synchronized StreamObserver<DiscoveryRequest> streamAggregatedResources(
            StreamObserver<DiscoveryResponse> responses) {
        streams++;
        var session = new SotwSession(responses);
        sessions.add(session);
        return session;
    }

    @Override
    public synchronized StreamObserver<DeltaDiscoveryRequest> deltaAggregatedResources(
            StreamObserver<DeltaDiscoveryResponse> responses) {
        streams++;
        var session = new DeltaSession(responses);
        sessions.add(session);
        return session;
    }

    private abstract class Session<P> {
        final StreamObserver<P> responses;
        final Map<XdsType, Set<String>> names = new EnumMap<>(XdsType.class);
        final Map<XdsType, String> nonce = new EnumMap<>(XdsType.class);

        private Session(StreamObserver<P> responses) {
            this.responses = responses;
        }

        abstract void publish(XdsType type);

        void commit() {}

        String nextNonce(XdsType type) {
            String next = "n" + ++nonces;
            nonce.put(type, next);
            return next;
        }

        void end() {
            synchronized (FakeControlPlane.this) {
                sessions.remove(this);
            }
        }
    }

    private final class SotwSession extends Session<DiscoveryResponse> implements StreamObserver<DiscoveryRequest> {
        private SotwSession(StreamObserver<DiscoveryResponse> responses) {
            super(responses);
        }

        @Override
        public void onNext(DiscoveryRequest request) {
            synchronized (FakeControlPlane.this) {
                requests.add(request);
                XdsType type = XdsType.ofTypeUrl(request.getTypeUrl());
                if (type == null || !request.getResponseNonce().equals(nonce.getOrDefault(type, ""))) {
                    return; // stale
                }
                var wanted = new TreeSet<>(request.getResourceNamesList());
                Set<String> before = names.put(type, wanted);
                boolean current = before == null && request.getVersionInfo().equals(version(type));
                if (!request.hasErrorDetail() && !wanted.equals(before) && (!current || !wanted.isEmpty())) {
                    send(type, wanted);
                }
            }
        }

        @Override
        void publish(XdsType type) {
            Set<String> wanted = names.get(type);
            if (wanted != null) {
                send(type, wanted);
            }
        }

        private void send(XdsType type, Set<String> wanted) {
            var response = DiscoveryResponse.newBuilder()
                    .setTypeUrl(type.typeUrl())
                    .setVersionInfo(version(type))
                    .setNonce(nextNonce(type));
            of(type).forEach((name, resource) -> {
                if (wanted.isEmpty() || wanted.contains(name)) {
                    response.addResources(Any.pack(resource));
                }
            });
            if (type.wildcardByDefault() || response.getResourcesCount() > 0) {
                responses.onNext(response.build());
            }
        }

        @Override
        public void onError(Throwable problem) {
            end();
        }

        @Override
        public void onCompleted() {
            end();
            responses.onCompleted();
        }
    }

    private final class DeltaSession extends Session<DeltaDiscoveryResponse>
            implements StreamObserver<DeltaDiscoveryRequest> {
        private final Map<XdsType, Map<String, Message>> sent = new EnumMap<>(XdsType.class);
        private final Map<XdsType, Set<String>> absent = new EnumMap<>(XdsType.class);

        private DeltaSession(StreamObserver<DeltaDiscoveryResponse> responses) {
            super(responses);
        }

        @Override
        public void onNext(DeltaDiscoveryRequest request) {
            synchronized (FakeControlPlane.this) {
                deltaRequests.add(request);
                XdsType type = XdsType.ofTypeUrl(request.getTypeUrl());
                if (type == null) {
                    return;
                }
                boolean first = !names.containsKey(type);
                Set<String> wanted = names.computeIfAbsent(type, any -> new TreeSet<>());
                wanted.addAll(request.getResourceNamesSubscribeList());
                request.getResourceNamesUnsubscribeList().forEach(wanted::remove);
                if (type == XdsType.PUSH_COMMIT) {
                    if (first) {
                        commit();
                    }
                } else if (first || request.getResourceNamesSubscribeCount() > 0) {
                    send(type, wanted);
                }
            }
        }

        @Override
        void publish(XdsType type) {
            Set<String> wanted = names.get(type);
            if (wanted != null) {
                send(type, wanted);
            }
        }

        private void send(XdsType type, Set<String> wanted) {
            if (held.contains(type)) {
                return;
            }
            var response = DeltaDiscoveryResponse.newBuilder()
                    .setTypeUrl(type.typeUrl())
                    .setSystemVersionInfo(push == null ? "" : push);
            Map<String, Message> has = sent.computeIfAbsent(type, any -> new TreeMap<>());
            boolean all = type.wildcardByDefault() || type == XdsType.VIRTUAL_HOST;
            of(type).forEach((name, resource) -> {
                if ((all || wanted.contains(name)) && !resource.equals(has.put(name, resource))) {
                    response.addResources(Resource.newBuilder()
                            .setName(name)
                            .setVersion(version(type))
                            .setResource(Any.pack(resource)));
                }
            });
            for (String name : List.copyOf(has.keySet())) {
                if (!of(type).containsKey(name)) {
                    has.remove(name);
                    response.addRemovedResources(name);
                }
            }
            for (String name : wanted) {
                if (!of(type).containsKey(name)
                        && absent.computeIfAbsent(type, any -> new TreeSet<>()).add(name)) {
                    response.addRemovedResources(name);
                }
            }
            if (type.wildcardByDefault()
                    || response.getResourcesCount() > 0
                    || response.getRemovedResourcesCount() > 0) {
                responses.onNext(response.setNonce(nextNonce(type)).build());
            }
        }

        @Override
        void commit() {
            if (push == null || !names.containsKey(XdsType.PUSH_COMMIT)) {
                return;
            }
            responses.onNext(DeltaDiscoveryResponse.newBuilder()
                    .setTypeUrl(XdsType.PUSH_COMMIT.typeUrl())
                    .setNonce(nextNonce(XdsType.PUSH_COMMIT))
                    .setSystemVersionInfo(push)
                    .addResources(Resource.newBuilder()
                            .setName("commit")
                            .setVersion(push)
                            .setResource(Any.pack(
                                    PushCommit.newBuilder().setPushId(push).build())))
                    .build());
        }

        @Override
        public void onError(Throwable problem) {
            end();
        }

        @Override
        public void onCompleted() {
            end();
            responses.onCompleted();
        }
    }

    @Override
    public void close() {
        server.shutdownNow();
    }
}
