package dev.mesh.pilot.serve;

import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.generate.Generators;
import dev.mesh.pilot.generate.ProxyView;
import dev.mesh.pilot.model.Caller;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.PushRequest;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryResponse;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// ADS in both dialects. One stream a proxy, each with its own lock; generating is bounded to the number of
/// processors.
public final class AdsService extends AggregatedDiscoveryServiceGrpc.AggregatedDiscoveryServiceImplBase {
    private final Generators generators;
    private final Supplier<@Nullable PushContext> newest;
    private final Executor executor;
    private final Semaphore generating =
            new Semaphore(Math.max(1, Runtime.getRuntime().availableProcessors()));
    private final Set<AdsStream<?, ?>> streams = ConcurrentHashMap.newKeySet();
    private volatile PushObserver observer = PushObserver.NONE;
    private volatile SecretAccess secrets = SecretAccess.NONE;

    /// @param newest the newest snapshot, null before the first
    /// @param executor where pushes are generated and sent; a virtual thread each
    public AdsService(Generators generators, Supplier<@Nullable PushContext> newest, Executor executor) {
        this.generators = generators;
        this.newest = newest;
        this.executor = executor;
    }

    /// Who hears what streams do from now on.
    public void observe(PushObserver to) {
        observer = to;
    }

    /// Who may be given Secrets from now on; nobody before.
    public void secretAccess(SecretAccess to) {
        secrets = to;
    }

    /// Hands a snapshot to every connected proxy. Never blocks.
    public void push(PushRequest request) {
        streams.forEach(stream -> stream.push(request));
    }

    /// Gives the proxies of these callers what they are entitled to now, though the snapshot is the same. Never blocks.
    public void refresh(Predicate<Caller> whose) {
        PushContext context = newest.get();
        if (context != null) {
            var request = new PushRequest(context, true, Set.of(), Set.of(), System.nanoTime());
            executor.execute(() ->
                    streams.stream().filter(stream -> stream.isOf(whose)).forEach(stream -> stream.push(request)));
        }
    }

    /// Ends the streams of these callers. Never blocks.
    public void end(Predicate<Caller> whose, Status why) {
        executor.execute(
                () -> streams.stream().filter(stream -> stream.isOf(whose)).forEach(stream -> stream.end(why)));
    }

    /// The callers whose proxies have asked for a Secret, be it that they were given it or not.
    public List<Caller> wantSecrets() {
        return streams.stream()
                .flatMap(stream -> stream.wantsSecrets().stream())
                .toList();
    }

    /// One connected proxy.
    ///
    /// @param workload what owns its pod (metadata WORKLOAD_NAME); empty: it does not say
    /// @param userAgent what it calls itself
    /// @param view that it was sent
    public record Connected(
            ProxyNode node,
            String workload,
            String userAgent,
            Instant since,
            ProxyView view,
            Map<XdsType, ClientSession.TypeState> types) {}

    /// The connected proxies, by node id.
    public List<Connected> connected() {
        return streams.stream()
                .map(AdsStream::connected)
                .flatMap(java.util.Optional::stream)
                .sorted(Comparator.comparing(connected -> connected.node().id()))
                .toList();
    }

    @Override
    public StreamObserver<DeltaDiscoveryRequest> deltaAggregatedResources(
            StreamObserver<DeltaDiscoveryResponse> responses) {
        return open(new DeltaSession(), Dialect.DELTA, responses);
    }

    @Override
    public StreamObserver<DiscoveryRequest> streamAggregatedResources(StreamObserver<DiscoveryResponse> responses) {
        return open(new SotwSession(), Dialect.SOTW, responses);
    }

    private <Q, R> StreamObserver<Q> open(
            ClientSession<Q, R> session, Dialect<Q, R> dialect, StreamObserver<R> responses) {
        var stream = new AdsStream<>(
                session,
                dialect,
                (ServerCallStreamObserver<R>) responses,
                generators,
                newest,
                executor,
                generating,
                streams,
                () -> observer,
                caller -> secrets.mayRead(caller));
        streams.add(stream);
        return stream;
    }
}
