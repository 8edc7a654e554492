package dev.mesh.proxy.boot;

import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.proxy.admin.AdminHandlers;
import dev.mesh.proxy.admin.AdminView;
import dev.mesh.proxy.agent.PodBootstrap;
import dev.mesh.proxy.agent.PodEndpoints;
import dev.mesh.proxy.agent.PodSettings;
import dev.mesh.proxy.dns.DnsServer;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.identity.GrpcAuthority;
import dev.mesh.proxy.identity.PodToken;
import dev.mesh.proxy.identity.Waiting;
import dev.mesh.proxy.identity.WorkloadIdentity;
import dev.mesh.proxy.io.Loops;
import dev.mesh.proxy.tls.FileSecrets;
import dev.mesh.proxy.tls.Secrets;
import dev.mesh.proxy.tls.TlsContexts;
import dev.mesh.proxy.tls.UpstreamTls;
import dev.mesh.proxy.xds.ControlPlaneChannel;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A proxy with everything around it that a pod needs: its identity, its own endpoints, its end.
///
/// ```
/// starting ──certificate, configuration, listeners──▶ ready ──/drain, or SIGTERM──▶ draining
/// draining ──SIGTERM, and time or idle──▶ ended
/// ```
///
/// A sidecar that drains already when SIGTERM comes ends at once: the kubelet has waited for its application. A router
/// has nobody behind it who gave it time, so it always has its own, counted from the start of the drain.
final class PodProxy implements AutoCloseable, PodEndpoints.Pod {
    private static final Logger LOGGER = LoggerFactory.getLogger(PodProxy.class);
    private static final Duration LOOK = Duration.ofMillis(100);

    private final PodSettings settings;
    private final boolean sidecar;
    private final long started = System.nanoTime();
    /// When the drain began, on [System#nanoTime]'s clock; null before.
    private final AtomicReference<@Nullable Long> drained = new AtomicReference<>();
    private final AtomicBoolean ended = new AtomicBoolean();
    private final Loops loops;
    private final FileSecrets files = new FileSecrets();
    private final @Nullable WorkloadIdentity identity;
    private final ProxyProcess proxy;
    private @Nullable PodEndpoints endpoints;
    private volatile @Nullable DnsServer dns;
    private volatile boolean wasReady;

    /// @throws ConfigRejected with every reason why it cannot be made
    PodProxy(PodSettings settings) throws ConfigRejected {
        this.settings = settings;
        sidecar = settings.bootstrap().getNode().getId().startsWith("sidecar~");
        loops = new Loops(
                settings.concurrency() == 0 ? Runtime.getRuntime().availableProcessors() : settings.concurrency());
        PodSettings.Identity asked = settings.identity();
        WorkloadIdentity own = asked == null ? null : identity(asked);
        identity = own;
        var access = asked == null || own == null
                ? new ProxyProcess.Access(files, null, CompletableFuture.completedFuture(null))
                : new ProxyProcess.Access(
                        own, new PodToken(asked.token(), asked.clusterId(), own::isValid), own.first());
        proxy = new ProxyProcess(
                settings.bootstrap(),
                loops,
                access,
                settings.ending().listeners(),
                settings.dns() == null ? null : this::names);
    }

    /// Secrets that a proxy with these settings will have, for checks.
    static Secrets offered(PodSettings settings) {
        var files = new FileSecrets();
        if (settings.identity() == null) {
            return files;
        }
        return new Secrets() {
            @Override
            public boolean offers(String name) {
                return name.equals(WorkloadIdentity.CERTIFICATE)
                        || name.equals(WorkloadIdentity.ROOT)
                        || files.offers(name);
            }

            @Override
            public io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.@Nullable Secret find(String name) {
                return null;
            }

            @Override
            public List<String> names() {
                return List.of(WorkloadIdentity.CERTIFICATE, WorkloadIdentity.ROOT);
            }
        };
    }

    /// @throws ConfigRejected with every reason why it cannot start
    void start() throws ConfigRejected {
        // First, so that whoever asks hears what is waited for.
        try {
            endpoints = PodEndpoints.start(settings, this);
        } catch (IOException e) {
            throw new ConfigRejected(String.valueOf(e.getMessage()));
        }
        DnsServer.Settings captured = settings.dns();
        if (captured != null) {
            try {
                dns = DnsServer.start(captured, loops);
            } catch (IOException e) {
                throw new ConfigRejected(String.valueOf(e.getMessage()));
            }
        }
        WorkloadIdentity own = identity;
        if (own != null) {
            own.start();
        }
        proxy.start();
    }

    // The server is there before anything is asked of the control plane.
    private void names(NameTable table) {
        DnsServer server = dns;
        if (server != null) {
            server.names(table);
        }
    }

    /// The DNS server; null if none was asked for, or before [#start].
    @Nullable
    DnsServer dns() {
        return dns;
    }

    private WorkloadIdentity identity(PodSettings.Identity asked) throws ConfigRejected {
        Clock clock = Clock.systemUTC();
        var later = new LaterSecrets(files);
        var ways = new ArrayList<UpstreamTls>();
        for (boolean identified : new boolean[] {true, false}) {
            UpstreamTls way = TlsContexts.upstream(
                    PodBootstrap.tls(asked.host(), asked.name(), asked.root(), identified), false, later);
            if (way != null) {
                ways.add(way);
            }
        }
        var authority = new GrpcAuthority(
                asked.host(),
                asked.port(),
                new ControlPlaneChannel.Tls(ways),
                new PodToken(asked.token(), asked.clusterId(), () -> false),
                asked.root(),
                clock);
        var identity = new WorkloadIdentity(
                new WorkloadIdentity.Wanted(asked.uri(), asked.key(), asked.validity(), asked.root()),
                authority,
                files,
                clock,
                Waiting.by(clock),
                RandomGenerator.getDefault());
        later.identity = identity;
        return identity;
    }

    /// The way to the authority needs the certificate that comes from it.
    private static final class LaterSecrets implements Secrets {
        private final FileSecrets files;
        private volatile @Nullable WorkloadIdentity identity;

        private LaterSecrets(FileSecrets files) {
            this.files = files;
        }

        @Override
        public boolean offers(String name) {
            return name.equals(WorkloadIdentity.CERTIFICATE) || files.offers(name);
        }

        @Override
        public io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.@Nullable Secret find(String name) {
            WorkloadIdentity known = identity;
            return known == null ? files.find(name) : known.find(name);
        }

        @Override
        public List<String> names() {
            return List.of(WorkloadIdentity.CERTIFICATE);
        }
    }

    /// Completes when somebody asked the proxy to quit.
    CompletableFuture<Void> asked() {
        return proxy.quit();
    }

    @Override
    public void quit() {
        proxy.quit().complete(null);
    }

    /// Why this workload has no certificate, as a sentence; empty if it has one, or needs none.
    String problem() {
        WorkloadIdentity own = identity;
        return own == null ? "" : own.problem();
    }

    ProxyProcess proxy() {
        return proxy;
    }

    /// The pod's own endpoints; null before [#start].
    @Nullable
    PodEndpoints endpoints() {
        return endpoints;
    }

    // ---- what the endpoints ask ----

    @Override
    public String unready() {
        if (drained.get() != null || ended.get()) {
            return "draining";
        }
        if (proxy.healthCheckFailed()) {
            return "failed on purpose (/healthcheck/fail)";
        }
        if (wasReady) {
            return ""; // what runs goes on without its pilot
        }
        String why = starting();
        if (why.isEmpty()) {
            wasReady = true;
            LOGGER.atInfo()
                    .addKeyValue("afterMillis", (System.nanoTime() - started) / 1_000_000)
                    .log("ready");
        }
        return why;
    }

    private String starting() {
        String certificate = problem();
        if (!certificate.isEmpty()) {
            return certificate;
        }
        if (proxy.state() != AdminView.State.LIVE) {
            String control = proxy.controlPlaneProblem();
            return "no configuration yet: " + (control.isEmpty() ? "listeners wait for their routes" : control);
        }
        var bound = proxy.bound().values().stream()
                .flatMap(List::stream)
                .map(InetSocketAddress::getPort)
                .toList();
        for (int port : settings.interceptedPorts()) {
            if (!bound.contains(port)) {
                return "nothing listens on port " + port
                        + ", where intercepted traffic arrives (the control plane has sent no such listener, or it was"
                        + " refused: GET /config_dump of the admin endpoint says why)";
            }
        }
        DnsServer server = dns;
        return server == null || server.hasNames()
                ? ""
                : "no names yet: the control plane has sent no table of names for DNS questions";
    }

    @Override
    public String names() {
        DnsServer server = dns;
        return server == null ? "" : server.table();
    }

    @Override
    public AdminHandlers admin() {
        return proxy.adminHandlers();
    }

    @Override
    public String agentMetrics() {
        DnsServer server = dns;
        String counted = server == null ? "" : server.metrics();
        WorkloadIdentity own = identity;
        if (own == null) {
            return counted;
        }
        Instant ends = own.ends();
        long left = ends == null
                ? 0
                : Math.max(0, Duration.between(Instant.now(), ends).toSeconds());
        return """
                # TYPE istio_agent_cert_expiry_seconds gauge
                istio_agent_cert_expiry_seconds{resource_name="default"} %d
                # TYPE istio_agent_num_outgoing_requests counter
                istio_agent_num_outgoing_requests{request_type="csr"} %d
                # TYPE istio_agent_num_failed_outgoing_requests counter
                istio_agent_num_failed_outgoing_requests{request_type="csr"} %d
                """.formatted(left, own.requests(), own.failures()) + counted;
    }

    @Override
    public void drain() {
        if (drained.compareAndSet(null, System.nanoTime())) {
            LOGGER.atInfo().log("draining: not ready any more, connections are told to end, requests are served on");
            // The application's own calls go out until it has ended.
            proxy.drain(true, sidecar, true);
        }
    }

    // ---- the end ----

    /// Ends in order: what is under way has the drain time, unless this is a sidecar that was drained before. Blocks
    /// until it is done; a second call returns at once.
    void end() {
        if (!ended.compareAndSet(false, true)) {
            return;
        }
        Long before = drained.get();
        drain();
        if (before == null || !sidecar) {
            long began = Objects.requireNonNull(drained.get());
            PodSettings.Ending ending = settings.ending();
            Duration least = ending.untilIdle() ? ending.least() : ending.drain();
            LOGGER.atInfo()
                    .addKeyValue("connections", proxy.connections())
                    .addKeyValue("least", least)
                    .addKeyValue("untilIdle", ending.untilIdle())
                    .log("ending");
            pause(() -> System.nanoTime() - began >= least.toNanos());
            if (ending.untilIdle()) {
                pause(() -> proxy.connections() == 0);
            }
        }
        shutDown();
    }

    private static void pause(BooleanSupplier until) {
        while (!until.getAsBoolean()) {
            LockSupport.parkNanos(LOOK.toNanos());
        }
    }

    private void shutDown() {
        WorkloadIdentity own = identity;
        if (own != null) {
            own.close();
        }
        DnsServer server = dns;
        if (server != null) {
            server.close();
        }
        proxy.close(Duration.ZERO);
        PodEndpoints serving = endpoints;
        if (serving != null) {
            serving.close();
        }
        loops.close();
    }

    /// Ends at once.
    @Override
    public void close() {
        if (ended.compareAndSet(false, true)) {
            shutDown();
        }
    }
}
