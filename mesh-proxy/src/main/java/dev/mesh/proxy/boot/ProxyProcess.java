package dev.mesh.proxy.boot;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.accesslog.AccessLogs;
import dev.mesh.proxy.admin.AdminHandlers;
import dev.mesh.proxy.admin.AdminServer;
import dev.mesh.proxy.admin.AdminView;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.filter.HttpFilterRegistry;
import dev.mesh.proxy.filter.NetworkFilterFactory;
import dev.mesh.proxy.filters.cors.CorsFilterFactory;
import dev.mesh.proxy.filters.fault.FaultFilterFactory;
import dev.mesh.proxy.filters.router.RouterFilterFactory;
import dev.mesh.proxy.filters.tcpproxy.TcpProxyFactory;
import dev.mesh.proxy.hcm.HttpConnectionManagerFactory;
import dev.mesh.proxy.io.Loops;
import dev.mesh.proxy.listener.ListenerManager;
import dev.mesh.proxy.load.Loader;
import dev.mesh.proxy.session.SessionClient;
import dev.mesh.proxy.stats.StatsStore;
import dev.mesh.proxy.tls.FileSecrets;
import dev.mesh.proxy.tls.Secrets;
import dev.mesh.proxy.tls.TlsContexts;
import dev.mesh.proxy.tls.UpstreamTls;
import dev.mesh.proxy.upstream.TcpConnector;
import dev.mesh.proxy.upstream.UpstreamPools;
import dev.mesh.proxy.xds.AdsClient;
import dev.mesh.proxy.xds.ControlPlaneChannel;
import dev.mesh.proxy.xds.Reconnect;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.ApiConfigSource;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext;
import io.grpc.CallCredentials;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One proxy, from its bootstrap. Holds no static state: several live in one process and share event loops.
public final class ProxyProcess implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(ProxyProcess.class);

    /// What a proxy needs beside its bootstrap to reach others over TLS.
    ///
    /// @param secrets that its configuration may name
    /// @param token sent to the control plane, if TLS is spoken with it; null = none
    /// @param identified the control plane is asked when this has completed
    public record Access(Secrets secrets, @Nullable CallCredentials token, CompletableFuture<Void> identified) {
        /// That of a proxy that nobody gave an identity.
        static Access none() {
            return new Access(new FileSecrets(), null, CompletableFuture.completedFuture(null));
        }
    }

    /// Envoy's `--drain-time-s`.
    static final Duration DRAIN_TIME = Duration.ofMinutes(10);

    private final Bootstrap bootstrap;
    private final Access access;
    private final StatsStore stats = new StatsStore();
    private final ScheduledExecutorService thread;
    private final AccessLogs accessLogs;
    private final UpstreamPools pools;
    private final ListenerManager listeners;
    private final Loader loader;
    private final @Nullable StagedNames names;
    private final CompletableFuture<Void> quit = new CompletableFuture<>();
    private final long started = System.nanoTime();
    private final Duration drainTime;
    private volatile AdminView.State state = AdminView.State.PRE_INITIALIZING;
    private volatile boolean healthCheckFailed;
    private @Nullable ManagedChannel channel;
    private volatile @Nullable AdsClient ads;
    private volatile @Nullable SessionClient session;
    private @Nullable AdminServer admin;
    private boolean heardListeners; // configuration thread

    /// @param loops shared, not closed by this
    public ProxyProcess(Bootstrap bootstrap, Loops loops) {
        this(bootstrap, loops, Access.none(), DRAIN_TIME);
    }

    /// @param loops shared, not closed by this
    /// @param drainTime how long connections are told to end before listeners are closed
    public ProxyProcess(Bootstrap bootstrap, Loops loops, Access access, Duration drainTime) {
        this(bootstrap, loops, access, drainTime, null);
    }

    /// @param loops shared, not closed by this
    /// @param drainTime how long connections are told to end before listeners are closed
    /// @param dns told the names of the mesh, on any thread; null = they are not asked for
    public ProxyProcess(
            Bootstrap bootstrap, Loops loops, Access access, Duration drainTime, @Nullable Consumer<NameTable> dns) {
        this.bootstrap = bootstrap;
        this.drainTime = drainTime;
        this.access = access;
        String id = bootstrap.getNode().getId();
        thread = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("config " + id).daemon(true).factory());
        names = dns == null ? null : new StagedNames(dns, thread);
        accessLogs = new AccessLogs(stats);
        var connector = new TcpConnector(loops);
        pools = new UpstreamPools(connector);
        listeners = new ListenerManager(loops, stats);
        var httpFilters = new HttpFilterRegistry(
                List.of(new CorsFilterFactory(), new FaultFilterFactory(), new RouterFilterFactory(pools)));
        List<NetworkFilterFactory> networkFilters = List.of(
                new HttpConnectionManagerFactory(accessLogs.factories()),
                new TcpProxyFactory(connector, accessLogs.factories()));
        loader = new Loader(
                listeners,
                networkFilters,
                httpFilters,
                access.secrets(),
                bootstrap.hasDynamicResources(),
                stats,
                thread,
                pools::sweep);
    }

    /// Loads what the bootstrap holds, and starts asking for the rest.
    ///
    /// @throws ConfigRejected with every reason why the bootstrap cannot be used
    public void start() throws ConfigRejected {
        var reasons = new ArrayList<String>(refusals(bootstrap));
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
        loader.loadStatic(
                bootstrap.getStaticResources().getClustersList(),
                bootstrap.getStaticResources().getListenersList());
        if (bootstrap.hasAdmin() && bootstrap.getAdmin().hasAddress()) {
            var address = bootstrap.getAdmin().getAddress().getSocketAddress();
            try {
                admin = AdminServer.start(
                        new InetSocketAddress(address.getAddress(), address.getPortValue()), new View());
            } catch (IOException e) {
                throw new ConfigRejected("admin.address: cannot bind " + address.getAddress() + ":"
                        + address.getPortValue() + " (" + e.getMessage() + ")");
            }
        }
        if (bootstrap.hasDynamicResources()) {
            startXds();
        } else {
            live();
        }
    }

    // Ready means that the first listeners serve: they have their routes, or have waited for them long enough.
    private void liveIfSettled() {
        if (heardListeners && state == AdminView.State.PRE_INITIALIZING && loader.isSettled()) {
            live();
        }
    }

    private void live() {
        if (state == AdminView.State.PRE_INITIALIZING) {
            state = AdminView.State.LIVE;
            LOGGER.atInfo()
                    .addKeyValue("node", bootstrap.getNode().getId())
                    .addKeyValue("listeners", listeners.bound().keySet())
                    .addKeyValue("afterMillis", (System.nanoTime() - started) / 1_000_000)
                    .log("live");
        }
    }

    // What would be ignored although it changes what the proxy does.
    private static List<String> refusals(Bootstrap bootstrap) {
        var reasons = new ArrayList<String>();
        if (bootstrap.getStaticResources().getSecretsCount() > 0) {
            reasons.add("static_resources.secrets: not supported");
        }
        if (bootstrap.hasHdsConfig()) {
            reasons.add("hds_config: not supported");
        }
        if (bootstrap.hasOverloadManager()) {
            reasons.add("overload_manager: not supported");
        }
        if (bootstrap.getStatsSinksCount() > 0) {
            reasons.add("stats_sinks: not supported");
        }
        var dynamic = bootstrap.getDynamicResources();
        if (dynamic.hasLdsConfig() && !dynamic.getLdsConfig().hasAds()) {
            reasons.add("dynamic_resources.lds_config: not supported (expected: ads)");
        }
        if (dynamic.hasCdsConfig() && !dynamic.getCdsConfig().hasAds()) {
            reasons.add("dynamic_resources.cds_config: not supported (expected: ads)");
        }
        if (dynamic.hasAdsConfig() && dialect(dynamic.getAdsConfig()) == null) {
            reasons.add("dynamic_resources.ads_config.api_type: "
                    + dynamic.getAdsConfig().getApiType() + " is not supported (expected: GRPC or DELTA_GRPC)");
        }
        return reasons;
    }

    private static AdsClient.@Nullable Dialect dialect(ApiConfigSource config) {
        return switch (config.getApiType()) {
            case GRPC, AGGREGATED_GRPC -> AdsClient.Dialect.SOTW;
            case DELTA_GRPC, AGGREGATED_DELTA_GRPC -> AdsClient.Dialect.DELTA;
            default -> null;
        };
    }

    /// Where the control plane is, and how it is spoken to.
    ///
    /// @param tls null = plaintext
    private record XdsTarget(
            SocketAddress endpoint, AdsClient.Dialect dialect, ControlPlaneChannel.@Nullable Tls tls) {}

    /// Whether a bootstrap can be run, as far as that can be said without binding or connecting.
    ///
    /// @throws ConfigRejected with every reason against it
    static void check(Bootstrap bootstrap) throws ConfigRejected {
        check(bootstrap, new FileSecrets());
    }

    /// @param secrets that its configuration may name
    /// @throws ConfigRejected with every reason against it
    static void check(Bootstrap bootstrap, Secrets secrets) throws ConfigRejected {
        List<String> reasons = refusals(bootstrap);
        if (!reasons.isEmpty()) {
            throw new ConfigRejected(reasons);
        }
        if (bootstrap.hasDynamicResources()) {
            xdsTarget(bootstrap, secrets);
        }
    }

    private static XdsTarget xdsTarget(Bootstrap bootstrap, Secrets secrets) throws ConfigRejected {
        var config = bootstrap.getDynamicResources().getAdsConfig();
        if (config.getGrpcServicesCount() != 1 || !config.getGrpcServices(0).hasEnvoyGrpc()) {
            throw new ConfigRejected("dynamic_resources.ads_config.grpc_services: expected one with envoy_grpc");
        }
        String name = config.getGrpcServices(0).getEnvoyGrpc().getClusterName();
        Cluster cluster = bootstrap.getStaticResources().getClustersList().stream()
                .filter(candidate -> candidate.getName().equals(name))
                .findFirst()
                .orElseThrow(() -> new ConfigRejected("dynamic_resources.ads_config: cluster \"" + name
                        + "\" is not among static_resources.clusters"));
        var endpoint = cluster.getLoadAssignment().getEndpointsCount() == 0
                        || cluster.getLoadAssignment().getEndpoints(0).getLbEndpointsCount() == 0
                ? null
                : cluster.getLoadAssignment()
                        .getEndpoints(0)
                        .getLbEndpoints(0)
                        .getEndpoint()
                        .getAddress()
                        .getSocketAddress();
        if (endpoint == null) {
            throw new ConfigRejected("dynamic_resources.ads_config: cluster \"" + name + "\" has no endpoint");
        }
        var dialect = dialect(config);
        if (dialect == null) {
            throw new IllegalStateException("api_type was not checked");
        }
        return new XdsTarget(endpoint, dialect, xdsTls(cluster, secrets));
    }

    // With the workload's certificate; without it while there is none, or it has ended: then the token speaks.
    private static ControlPlaneChannel.@Nullable Tls xdsTls(Cluster cluster, Secrets secrets) throws ConfigRejected {
        if (!cluster.hasTransportSocket()) {
            return null;
        }
        Any typed = cluster.getTransportSocket().getTypedConfig();
        try {
            UpstreamTls usual = TlsContexts.upstream(typed, false, secrets);
            if (usual == null) {
                return null;
            }
            var ways = new ArrayList<UpstreamTls>(List.of(usual));
            var proto = typed.unpack(UpstreamTlsContext.class).toBuilder();
            if (proto.getCommonTlsContext().getTlsCertificateSdsSecretConfigsCount() > 0) {
                proto.getCommonTlsContextBuilder().clearTlsCertificateSdsSecretConfigs();
                UpstreamTls anonymous = TlsContexts.upstream(Any.pack(proto.build()), false, secrets);
                if (anonymous != null) {
                    ways.add(anonymous);
                }
            }
            return new ControlPlaneChannel.Tls(ways);
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("it was unpacked just now", e);
        } catch (ConfigRejected e) {
            throw new ConfigRejected(e.reasons().stream()
                    .map(reason -> "dynamic_resources.ads_config: cluster \"" + cluster.getName()
                            + "\".transport_socket." + reason)
                    .toList());
        }
    }

    private void startXds() throws ConfigRejected {
        XdsTarget target = xdsTarget(bootstrap, access.secrets());
        var opened = ControlPlaneChannel.open(
                target.endpoint().getAddress(), target.endpoint().getPortValue(), target.tls(), access.token());
        var dialect = target.dialect();
        channel = opened;
        var reconnect = new Reconnect(thread, RandomGenerator.getDefault());
        var client = new AdsClient(opened, dialect, bootstrap.getNode(), new Resources(), thread, reconnect, stats);
        ads = client;
        loader.onWantedChanged(client::updateSubscriptions);
        var second = new SessionClient(
                opened,
                new SessionClient.Self(bootstrap.getNode().getId(), AdminHandlers.version(), Instant.now()),
                thread,
                loader::dump,
                loader::pushInEffect,
                new AdminHandlers(new View()),
                reconnect);
        session = second;
        loader.observer((changed, gone) -> {
            second.changed();
            namesInEffect();
            liveIfSettled();
        });
        access.identified().thenRun(() -> {
            client.start();
            second.start();
        });
    }

    private void namesInEffect() {
        StagedNames staged = names;
        if (staged != null) {
            staged.inEffect(loader.pushInEffect());
        }
    }

    /// Between the stream and the loader.
    private final class Resources implements AdsClient.Handler {
        @Override
        public List<String> onResources(
                XdsType type, List<Received> resources, List<String> removed, boolean complete, String push) {
            if (type == XdsType.NAME_TABLE) {
                StagedNames staged = names;
                return staged == null ? List.of() : staged.take(resources, removed, push, loader.pushInEffect());
            }
            var updates = new ArrayList<Loader.Update>();
            for (Received received : resources) {
                var body = received.body();
                if (body != null) {
                    updates.add(new Loader.Update(received.name(), received.version(), body));
                }
            }
            List<String> reasons = loader.apply(type, updates, removed, complete, push);
            if (type == XdsType.LISTENER) {
                heardListeners = true;
            }
            liveIfSettled();
            return reasons;
        }

        @Override
        public Set<String> wanted(XdsType type) {
            return loader.wanted(type);
        }

        @Override
        public boolean wantsVirtualHosts() {
            return loader.wantsVirtualHosts();
        }

        @Override
        public boolean wantsNames() {
            return names != null;
        }

        @Override
        public void onPushCommit(String push) {
            loader.commit(push);
            namesInEffect();
            SessionClient second = session;
            if (second != null) {
                second.changed();
            }
        }

        @Override
        public void onStreamOpened() {
            loader.streamOpened();
        }
    }

    /// The listeners' names and the addresses that they are bound to.
    public java.util.Map<String, List<InetSocketAddress>> bound() {
        return listeners.bound();
    }

    /// What is loaded.
    Loader loader() {
        return loader;
    }

    /// The admin endpoint's answers, without its port.
    AdminHandlers adminHandlers() {
        return new AdminHandlers(new View());
    }

    /// Where the admin endpoint listens, or null if there is none.
    public @Nullable InetSocketAddress adminAddress() {
        AdminServer running = admin;
        return running == null ? null : running.address();
    }

    public AdminView.State state() {
        return state;
    }

    /// Completes when somebody asked the proxy to quit.
    public CompletableFuture<Void> quit() {
        return quit;
    }

    /// @param graceful whether listeners go on accepting for the drain time, while connections are told to end
    /// @param inboundOnly whether only listeners for inbound traffic are meant
    /// @param stay whether listeners are not closed after a graceful drain
    public void drain(boolean graceful, boolean inboundOnly, boolean stay) {
        listeners.drain(graceful, inboundOnly);
        if (graceful && !stay) {
            thread.schedule(() -> listeners.drain(false, inboundOnly), drainTime.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    /// How many connections of clients are open.
    public int connections() {
        return listeners.connections();
    }

    /// Whether `/healthcheck/fail` was asked for, and not taken back.
    public boolean healthCheckFailed() {
        return healthCheckFailed;
    }

    /// Why nothing comes from the control plane; empty if something does, or none is asked.
    public String controlPlaneProblem() {
        AdsClient client = ads;
        return client == null ? "" : client.problem();
    }

    /// Stops accepting and lets what is under way end.
    public void drain() {
        state = AdminView.State.DRAINING;
        listeners.drain();
    }

    @Override
    public void close() {
        close(Duration.ofSeconds(5));
    }

    /// @param patience how long connections have to end
    public void close(Duration patience) {
        state = AdminView.State.DRAINING;
        AdsClient client = ads;
        if (client != null) {
            client.stop();
        }
        SessionClient second = session;
        if (second != null) {
            second.stop();
        }
        listeners.drain();
        long deadline = System.nanoTime() + patience.toNanos();
        while (listeners.connections() > 0 && System.nanoTime() < deadline) {
            java.util.concurrent.locks.LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
        pools.close();
        if (channel != null) {
            channel.shutdownNow();
        }
        thread.shutdownNow();
        if (admin != null) {
            admin.close();
        }
        try {
            accessLogs.close();
        } catch (IOException e) {
            LOGGER.atWarn().setCause(e).log("access log cannot be closed");
        }
    }

    /// What the admin endpoint may see and do.
    private final class View implements AdminView {
        @Override
        public Bootstrap bootstrap() {
            return bootstrap;
        }

        @Override
        public StatsStore stats() {
            return stats;
        }

        @Override
        public Loader loader() {
            return loader;
        }

        @Override
        public ListenerManager listeners() {
            return listeners;
        }

        @Override
        public State state() {
            return healthCheckFailed && state == State.LIVE ? State.DRAINING : state;
        }

        @Override
        public Secrets secrets() {
            return loader.secrets();
        }

        @Override
        public String pushId() {
            return loader.pushInEffect();
        }

        @Override
        public @Nullable NameTable names() {
            return names == null ? null : names.current();
        }

        @Override
        public long uptimeSeconds() {
            return TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - started);
        }

        @Override
        public void drain(boolean graceful, boolean inboundOnly, boolean stay) {
            ProxyProcess.this.drain(graceful, inboundOnly, stay);
        }

        @Override
        public void failHealthCheck(boolean failed) {
            healthCheckFailed = failed;
            listeners.failHealth(failed);
        }

        @Override
        public void quit() {
            quit.complete(null);
        }
    }
}
