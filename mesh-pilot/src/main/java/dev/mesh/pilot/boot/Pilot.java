package dev.mesh.pilot.boot;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.identity.SpiffeId;
import dev.mesh.api.meshconfig.MeshConfig;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.generate.ConfigGenerators;
import dev.mesh.pilot.generate.Names;
import dev.mesh.pilot.model.Caller;
import dev.mesh.pilot.model.MeshDefaults;
import dev.mesh.pilot.push.Debouncer;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.PushRequest;
import dev.mesh.pilot.push.Snapshots;
import dev.mesh.pilot.registry.Registry;
import dev.mesh.pilot.registry.Source;
import dev.mesh.pilot.registry.SourceIndex;
import dev.mesh.pilot.registry.Troubles;
import dev.mesh.pilot.serve.AdsService;
import dev.mesh.pilot.serve.PushObserver;
import dev.mesh.pilot.serve.SecretAccess;
import dev.mesh.pilot.session.MeshQueries;
import dev.mesh.pilot.session.ProxySessions;
import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/// A pilot on a source of configuration: reads, serves, and pushes what changes.
public final class Pilot implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(Pilot.class);

    private final Registry registry = new Registry();
    private final ExecutorService pushes = Executors.newVirtualThreadPerTaskExecutor();
    private final ScheduledExecutorService snapshotThread = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("snapshots").daemon(true).factory());
    private final Debouncer debouncer =
            new Debouncer(snapshotThread, () -> System.nanoTime() / 1_000_000, this::snapshot);
    private final Snapshots snapshots;
    private final AtomicLong oldestChange = new AtomicLong();
    private final AdsService ads;
    private final ProxySessions sessions = new ProxySessions(this::newest);
    private final Source source;
    private final Server server;
    private final Troubles troubles = new Troubles();
    private final Set<Finding> known = new HashSet<>();
    private volatile @Nullable PushContext newest;
    private volatile boolean read; // all that there was at the start
    private volatile boolean serving;
    private volatile Runnable discovery = () -> {};
    private volatile Runnable snapshotMade = () -> {};
    private volatile AutoCloseable further = () -> {};
    private final CompletableFuture<Identities> identities = new CompletableFuture<>();
    private volatile Supplier<String> alsoWaitsFor = () -> "";
    private volatile List<Finding> unsettled = List.of();

    /// Of a local mesh.
    ///
    /// @param from where configuration comes from
    /// @param xdsPort on loopback, 0 = any
    public Pilot(Source.Factory from, int xdsPort) throws IOException {
        this(from, xdsPort, MeshDefaults.LOCAL);
    }

    /// @param from where configuration comes from
    /// @param xdsPort on loopback, 0 = any
    /// @param defaults where the settings of the mesh say nothing
    public Pilot(Source.Factory from, int xdsPort, MeshDefaults defaults) throws IOException {
        snapshots = new Snapshots(defaults);
        ads = new AdsService(new ConfigGenerators(), () -> newest, pushes);
        source = from.open(registry, this::changed);
        server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), xdsPort))
                .addService(ads)
                .addService(sessions)
                .addService(new MeshQueries(ads, sessions, this::position, this::troubles))
                .executor(pushes)
                .permitKeepAliveTime(10, TimeUnit.SECONDS)
                .permitKeepAliveWithoutCalls(true)
                .build();
    }

    /// Serves a pilot on further ports.
    @FunctionalInterface
    interface Further {
        /// @return what the pilot closes when it ends
        /// @throws IOException with a sentence
        AutoCloseable serve(Pilot pilot) throws IOException;
    }

    /// Reads everything there is, then serves on loopback.
    public void start() throws IOException {
        secretAccess(SecretAccess.LOCAL);
        start(pilot -> () -> {});
    }

    /// Reads everything there is, then serves on loopback and whatever `more` opens. It is ready after that.
    void start(Further more) throws IOException {
        source.read();
        read = true;
        firstSnapshot();
        source.start();
        server.start();
        further = more.serve(this);
        serving = true;
        LOGGER.atInfo()
                .addKeyValue("xds", "127.0.0.1:" + server.getPort())
                .addKeyValue("objects", registry.objects().size())
                .log("ready");
    }

    /// What must come before proxies may be sent here; empty if it is ready.
    String waitsFor() {
        String source = this.source.waitsFor();
        if (!source.isEmpty()) {
            return source;
        }
        return serving ? alsoWaitsFor.get() : "the first snapshot and the ports that it is served on";
    }

    /// @param what else must come before it is ready, as a sentence; empty when it has
    void alsoWaitsFor(Supplier<String> what) {
        alsoWaitsFor = what;
    }

    /// What proxies are served, to be put on a port that demands an identity.
    List<BindableService> forProxies() {
        return List.of(ads, sessions);
    }

    /// Where calls are served: a virtual thread each.
    Executor executor() {
        return pushes;
    }

    public int xdsPort() {
        return server.getPort();
    }

    /// The connected proxies, by node id.
    List<AdsService.Connected> proxies() {
        return ads.connected();
    }

    /// The newest snapshot; null before the first.
    @Nullable
    PushContext newest() {
        return newest;
    }

    Collection<MeshObject> objects() {
        return registry.objects();
    }

    /// All remarks: on objects by themselves, as they stand together, and on what connected clients do not honour.
    List<Finding> findings() {
        var all = objectFindings();
        ads.connected().stream()
                .flatMap(connected -> connected.view().findings().stream())
                .forEach(all::add);
        return all.stream().distinct().toList(); // many clients are given the same
    }

    /// Remarks on objects by themselves, and as they stand together: what is so whoever is connected.
    List<Finding> objectFindings() {
        var all = new ArrayList<>(registry.findings());
        all.addAll(registry.duplicates());
        all.addAll(unsettled);
        PushContext context = newest;
        if (context != null) {
            all.addAll(context.findings());
        }
        return all;
    }

    /// What the pilot cannot do now, and what to do about it, a sentence each.
    List<String> troubles() {
        var all = new ArrayList<>(source.troubles());
        all.addAll(troubles.all());
        return all;
    }

    /// Where whoever works for the pilot says what he cannot do.
    Troubles troubleBook() {
        return troubles;
    }

    /// Where configuration comes from.
    Source source() {
        return source;
    }

    /// @param to told after a snapshot was made; must not block
    void onSnapshot(Runnable to) {
        snapshotMade = to;
    }

    /// Whether the mesh discovers a namespace of these labels; none before the first snapshot.
    boolean discovers(Map<String, String> labels) {
        PushContext context = newest;
        return context != null && context.discovers(labels);
    }

    /// @param to told after the discovery selectors changed
    void onDiscovery(Runnable to) {
        discovery = to;
    }

    /// Who may be given Secrets; nobody before.
    void secretAccess(SecretAccess to) {
        ads.secretAccess(to);
    }

    /// @param what this pilot gives to its proxies
    void identities(Identities what) {
        identities.complete(what);
        snapshotThread.execute(this::lookAtTrustDomain); // it may have changed since it was read
    }

    /// When it gives identities; never in a local mesh.
    CompletionStage<Identities> identities() {
        return identities;
    }

    /// The mesh's trust domain as of now.
    String trustDomain() {
        PushContext context = newest;
        MeshConfig mesh = context == null ? null : context.mesh();
        return mesh == null || mesh.trustDomain().isEmpty() ? Identities.TRUST_DOMAIN : mesh.trustDomain();
    }

    /// The callers whose proxies have asked for a Secret.
    List<Caller> wantSecrets() {
        return ads.wantSecrets();
    }

    /// Gives the proxies of these identities what they are entitled to now. Never blocks.
    void refresh(Predicate<SpiffeId> whose) {
        ads.refresh(caller -> whose.test(caller.identity()));
    }

    /// Ends the streams of a service account's proxies: it is gone, or another one has come in its place. Never blocks.
    void end(String namespace, String serviceAccount) {
        Predicate<Caller> whose = caller -> caller.identity().namespace().equals(namespace)
                && caller.identity().serviceAccount().equals(serviceAccount);
        Status why = Status.UNAUTHENTICATED.withDescription(
                "service account " + namespace + "/" + serviceAccount + " was deleted or made anew");
        ads.end(whose, why);
        pushes.execute(() -> sessions.end(whose, why));
    }

    void observe(PushObserver observer) {
        ads.observe(observer);
    }

    private void changed() {
        if (!read) {
            return; // half of the mesh is no mesh
        }
        oldestChange.compareAndSet(0, System.nanoTime());
        debouncer.changed();
    }

    // On the thread of all others, for changes may come from now on.
    private void firstSnapshot() throws IOException {
        try {
            snapshotThread.submit(this::snapshot).get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted before the first snapshot", e);
        } catch (ExecutionException e) {
            throw new IOException("the first snapshot cannot be made: " + e.getCause(), e);
        }
    }

    private void snapshot() {
        try {
            PushRequest request = snapshots.next(registry.objects(), oldestChange.getAndSet(0));
            PushContext before = newest;
            newest = request.context();
            if (before != null && !before.discovery().equals(request.context().discovery())) {
                discovery.run();
            }
            var across = new ArrayList<>(registry.duplicates());
            across.addAll(request.context().findings());
            lookAtTrustDomain();
            across.addAll(unsettled);
            report(across);
            ads.push(request);
            snapshotMade.run();
        } catch (RuntimeException e) {
            LOGGER.atError().setCause(e).log("no snapshot could be made; the last one stays");
        }
    }

    // What has been signed names the old one, and is believed by it: as in Istio it holds until the pilot starts anew.
    private void lookAtTrustDomain() {
        Identities served = identities.getNow(null);
        String wanted = trustDomain();
        if (served == null || served.trustDomain().equals(wanted)) {
            unsettled = List.of();
            return;
        }
        unsettled = registry.objects().stream()
                .filter(object -> object.spec() instanceof MeshConfig)
                .limit(1)
                .map(object -> new Finding(
                        Finding.Code.NOT_HONOURED,
                        object.ref(),
                        "trustDomain",
                        "is " + wanted + " now, and this pilot signs for " + served.trustDomain()
                                + " as long as it runs (expected: a restart of every pilot, then of every pod of the"
                                + " mesh)",
                        object.positions().of("trustDomain")))
                .toList();
    }

    private void report(List<Finding> findings) {
        for (Finding finding : findings) {
            if (known.add(finding)) {
                LOGGER.atLevel(finding.severity() == Finding.Severity.ERROR ? Level.ERROR : Level.WARN)
                        .log("{}", finding);
            }
        }
        known.retainAll(new HashSet<>(findings));
    }

    private String position(String kind, String namespace, String name, String rule) {
        return SourceIndex.position(registry.objects(), kind, namespace, name, rule, Names::rules);
    }

    @Override
    public void close() throws IOException {
        try {
            further.close();
        } catch (Exception e) {
            LOGGER.atWarn().setCause(e).log("while stopping");
        }
        source.close();
        server.shutdownNow();
        snapshotThread.shutdownNow();
        pushes.shutdownNow();
    }
}
