package dev.mesh.proxy.boot;

import dev.mesh.proxy.agent.PodBootstrap;
import dev.mesh.proxy.agent.PodSettings;
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
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// A proxy with everything around it that a pod needs: its identity, its own endpoints, its end.
final class PodProxy implements AutoCloseable {
    private final Loops loops;
    private final FileSecrets files = new FileSecrets();
    private final @Nullable WorkloadIdentity identity;
    private final ProxyProcess proxy;

    /// @throws ConfigRejected with every reason why it cannot be made
    PodProxy(PodSettings settings) throws ConfigRejected {
        loops = new Loops(
                settings.concurrency() == 0 ? Runtime.getRuntime().availableProcessors() : settings.concurrency());
        PodSettings.Identity asked = settings.identity();
        WorkloadIdentity own = asked == null ? null : identity(asked);
        identity = own;
        var access = asked == null || own == null
                ? new ProxyProcess.Access(files, null, CompletableFuture.completedFuture(null))
                : new ProxyProcess.Access(
                        own, new PodToken(asked.token(), asked.clusterId(), own::isValid), own.first());
        proxy = new ProxyProcess(settings.bootstrap(), loops, access);
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
        WorkloadIdentity own = identity;
        if (own != null) {
            own.start();
        }
        proxy.start();
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
    CompletableFuture<Void> quit() {
        return proxy.quit();
    }

    /// Why this workload has no certificate, as a sentence; empty if it has one, or needs none.
    String problem() {
        WorkloadIdentity own = identity;
        return own == null ? "" : own.problem();
    }

    ProxyProcess proxy() {
        return proxy;
    }

    /// Ends in order.
    void end() {
        close();
    }

    @Override
    public void close() {
        WorkloadIdentity own = identity;
        if (own != null) {
            own.close();
        }
        proxy.close();
        loops.close();
    }
}
