package dev.mesh.pilot.serve;

import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.generate.Generators;
import dev.mesh.pilot.generate.ProxyView;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.PushRequest;
import dev.mesh.pilot.push.PushTarget;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Incremental ADS. One stream a proxy, each with its own lock; generating is bounded to the number of processors.
public final class AdsService extends AggregatedDiscoveryServiceGrpc.AggregatedDiscoveryServiceImplBase {
    private static final Logger LOGGER = LoggerFactory.getLogger(AdsService.class);

    private final Generators generators;
    private final Supplier<@Nullable PushContext> newest;
    private final Executor executor;
    private final Semaphore generating =
            new Semaphore(Math.max(1, Runtime.getRuntime().availableProcessors()));
    private final Set<AdsStream> streams = ConcurrentHashMap.newKeySet();

    /// @param newest the newest snapshot, null before the first
    /// @param executor where pushes are generated and sent; a virtual thread each
    public AdsService(Generators generators, Supplier<@Nullable PushContext> newest, Executor executor) {
        this.generators = generators;
        this.newest = newest;
        this.executor = executor;
    }

    /// Hands a snapshot to every connected proxy. Never blocks.
    public void push(PushRequest request) {
        streams.forEach(stream -> stream.push(request));
    }

    /// Node ids of the connected proxies, in order.
    public List<String> connected() {
        return streams.stream()
                .map(AdsStream::nodeId)
                .filter(id -> !id.isEmpty())
                .sorted()
                .toList();
    }

    @Override
    public StreamObserver<DeltaDiscoveryRequest> deltaAggregatedResources(
            StreamObserver<DeltaDiscoveryResponse> responses) {
        var stream = new AdsStream((ServerCallStreamObserver<DeltaDiscoveryResponse>) responses);
        streams.add(stream);
        return stream;
    }

    /// One proxy's stream.
    private final class AdsStream implements StreamObserver<DeltaDiscoveryRequest>, PushTarget {
        private final ServerCallStreamObserver<DeltaDiscoveryResponse> responses;
        private final DeltaSession session = new DeltaSession();
        private final ArrayDeque<DeltaDiscoveryResponse> outgoing = new ArrayDeque<>();
        private @Nullable ProxyNode node;
        private ProxyView view = ProxyView.EMPTY;
        private @Nullable PushRequest pending;
        private boolean running;
        private boolean over;

        private AdsStream(ServerCallStreamObserver<DeltaDiscoveryResponse> responses) {
            this.responses = responses;
            responses.setOnReadyHandler(this::onReady);
            responses.setOnCancelHandler(this::end);
        }

        private synchronized String nodeId() {
            return node == null ? "" : node.id();
        }

        @Override
        public void onNext(DeltaDiscoveryRequest request) {
            synchronized (this) {
                if (over) {
                    return;
                }
                if (node == null && !hello(request)) {
                    return;
                }
                XdsType type = XdsType.ofTypeUrl(request.getTypeUrl());
                if (type == null) {
                    // Nothing of such a type exists; saying so keeps the client from waiting.
                    if (request.getResponseNonce().isEmpty()) {
                        outgoing.add(DeltaDiscoveryResponse.newBuilder()
                                .setTypeUrl(request.getTypeUrl())
                                .setNonce("none")
                                .addAllRemovedResources(request.getResourceNamesSubscribeList())
                                .build());
                    }
                } else {
                    if (request.hasErrorDetail()) {
                        LOGGER.atError()
                                .addKeyValue("proxy", nodeId())
                                .addKeyValue("type", type.shortName())
                                .addKeyValue("reason", request.getErrorDetail().getMessage())
                                .log("the proxy refused what it was sent");
                    }
                    outgoing.addAll(session.onRequest(type, request, view));
                }
                drain();
            }
        }

        private boolean hello(DeltaDiscoveryRequest request) {
            PushContext context = newest.get();
            try {
                if (context == null) {
                    over = true;
                    responses.onError(Status.UNAVAILABLE
                            .withDescription("the configuration has not been read yet")
                            .asRuntimeException());
                    return false;
                }
                node = NodeParser.parse(request.getNode());
                view = generators.generate(context, node);
                LOGGER.atInfo()
                        .addKeyValue("proxy", nodeId())
                        .addKeyValue("resources", view.counts())
                        .log("connected");
                return true;
            } catch (IllegalArgumentException e) {
                over = true;
                streams.remove(this);
                responses.onError(
                        Status.INVALID_ARGUMENT.withDescription(e.getMessage()).asRuntimeException());
                return false;
            }
        }

        @Override
        public void push(PushRequest request) {
            synchronized (this) {
                pending = pending == null ? request : pending.mergedWith(request);
                if (running || over || node == null || !responses.isReady()) {
                    return;
                }
                running = true;
            }
            executor.execute(this::runPush);
        }

        private void runPush() {
            while (true) {
                PushRequest request;
                ProxyNode who;
                ProxyView before;
                synchronized (this) {
                    request = pending;
                    who = node;
                    before = view;
                    if (request == null || who == null || over || !responses.isReady()) {
                        running = false;
                        return;
                    }
                    pending = null;
                }
                ProxyView next;
                generating.acquireUninterruptibly();
                try {
                    next = request.isFullFor(who.addresses())
                            ? generators.generate(request.context(), who)
                            : generators.endpointsOnly(request.context(), who, before, request.services());
                } catch (RuntimeException e) {
                    LOGGER.atError()
                            .addKeyValue("proxy", who.id())
                            .setCause(e)
                            .log("generating failed; the last view stays");
                    continue;
                } finally {
                    generating.release();
                }
                synchronized (this) {
                    view = next;
                    outgoing.addAll(session.onPush(next));
                    drain();
                }
            }
        }

        private void onReady() {
            boolean start;
            synchronized (this) {
                drain();
                start = pending != null && !running && !over && node != null;
                running |= start;
            }
            if (start) {
                executor.execute(this::runPush);
            }
        }

        private void drain() {
            while (!over && responses.isReady() && !outgoing.isEmpty()) {
                responses.onNext(outgoing.poll());
            }
        }

        @Override
        public void onError(Throwable problem) {
            end();
        }

        @Override
        public void onCompleted() {
            synchronized (this) {
                if (!over) {
                    responses.onCompleted();
                }
            }
            end();
        }

        private void end() {
            streams.remove(this);
            synchronized (this) {
                if (node != null && !over) {
                    LOGGER.atInfo().addKeyValue("proxy", nodeId()).log("disconnected");
                }
                over = true;
            }
        }
    }
}
