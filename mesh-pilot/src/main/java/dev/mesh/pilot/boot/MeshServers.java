package dev.mesh.pilot.boot;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.k8s.Namespace;
import dev.mesh.pilot.ca.Accounts;
import dev.mesh.pilot.ca.Authentication;
import dev.mesh.pilot.ca.CertificateAuthority;
import dev.mesh.pilot.ca.CertificateService;
import dev.mesh.pilot.ca.IssuanceCounts;
import dev.mesh.pilot.ca.JudgedTokens;
import dev.mesh.pilot.ca.KubernetesSecretAccess;
import dev.mesh.pilot.ca.KubernetesTokens;
import dev.mesh.pilot.ca.LiveCertificate;
import dev.mesh.pilot.ca.MeshTrust;
import dev.mesh.pilot.ca.RootDistribution;
import dev.mesh.pilot.ca.RootStore;
import dev.mesh.pilot.ca.SigningMaterial;
import dev.mesh.pilot.ca.TokenReviewRight;
import dev.mesh.pilot.ca.TokenReviewer;
import dev.mesh.pilot.kube.KubeOptions;
import dev.mesh.pilot.kube.KubeSource;
import dev.mesh.pilot.kube.Standing;
import dev.mesh.pilot.kubeconfig.KubernetesClients;
import dev.mesh.pilot.registry.Troubles;
import dev.mesh.pilot.status.StatusWriter;
import dev.mesh.pilot.webhook.CaBundles;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.grpc.BindableService;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What a pilot on Kubernetes serves beside its loopback port: identities and configuration on 15012, the admission
/// webhooks on 15017; and what makes others trust them.
final class MeshServers implements AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(MeshServers.class);
    private static final int LOOK_MINUTES = 10;
    private static final int REVIEW_SECONDS = 1;
    private static final String CERTIFICATE = "the pilot's own certificate";
    // Every namespace has it, with its own name; the pilot's own is of the mesh whatever is discovered.
    private static final String NAME = "kubernetes.io/metadata.name";
    // As Istio's: who is connected proves again and again that it may be.
    private static final Duration LONGEST_CONNECTION = Duration.ofMinutes(30);

    private final Deque<AutoCloseable> open = new ArrayDeque<>();
    private @Nullable SecureServer secure;
    private @Nullable Webhooks webhooks;

    private MeshServers() {}

    /// Serves, or closes what it has opened.
    ///
    /// @param securePort 15012; 0 = any
    /// @param webhookPort 15017; 0 = any
    /// @throws IOException with a sentence
    static MeshServers start(Pilot pilot, KubeOptions cluster, String trustDomain, int securePort, int webhookPort)
            throws IOException {
        var servers = new MeshServers();
        try {
            servers.begin(pilot, cluster, trustDomain, securePort, webhookPort);
            return servers;
        } catch (KubernetesClientException e) {
            servers.close();
            throw new IOException("the API server refuses what the pilot needs: " + e.getMessage(), e);
        } catch (CertificateAuthority.Refused e) {
            servers.close();
            throw new IOException(e.getMessage(), e);
        } catch (IOException | RuntimeException e) {
            servers.close();
            throw e;
        }
    }

    private void begin(Pilot pilot, KubeOptions cluster, String trustDomain, int securePort, int webhookPort)
            throws IOException, CertificateAuthority.Refused {
        KubernetesClient client = opened(KubernetesClients.of(cluster.kubeconfig()));
        Clock clock = Clock.systemUTC();
        Troubles troubles = pilot.troubleBook();
        var changes = new CopyOnWriteArrayList<Runnable>();
        var roots = opened(new RootStore(
                client, cluster.namespace(), trustDomain, clock, () -> changes.forEach(Runnable::run), troubles));
        roots.open();
        SigningMaterial first = roots.material();
        var authority = new CertificateAuthority(roots::material, clock);
        var certificate = new LiveCertificate(authority, names(cluster), clock);
        var access = new KubernetesSecretAccess(
                client, troubles, clock, pilot::wantSecrets, identity -> pilot.refresh(identity::equals));
        pilot.secretAccess(access);
        var right = opened(new TokenReviewRight(client, troubles));
        right.look();
        pilot.alsoWaitsFor(right::waitsFor);
        var services = new ArrayList<BindableService>(pilot.forProxies());
        var counts = new IssuanceCounts();
        services.add(new CertificateService(authority, counts));
        SecureServer server = opened(new SecureServer(
                new InetSocketAddress(securePort),
                certificate,
                new MeshTrust(() -> roots.material().roots(), troubles),
                new Authentication(
                        new JudgedTokens(new KubernetesTokens(client, trustDomain), clock),
                        trustDomain,
                        clock,
                        counts,
                        accounts(pilot),
                        troubles),
                pilot.executor(),
                LONGEST_CONNECTION,
                services));
        server.start();
        secure = server;
        pilot.identities(new Identities(trustDomain, counts, roots::material));
        Webhooks hooks = opened(new Webhooks(
                client,
                cluster.namespace(),
                cluster.revision(),
                new InetSocketAddress(webhookPort),
                certificate::keyManager,
                pilot::objects));
        hooks.start();
        webhooks = hooks;
        var distribution = opened(new RootDistribution(
                client,
                () -> roots.material().rootsPem(),
                labels -> cluster.namespace().equals(labels.get(NAME)) || pilot.discovers(labels),
                troubles));
        distribution.start();
        pilot.onDiscovery(distribution::changed);
        var bundles = opened(new CaBundles(
                client,
                cluster.namespace(),
                cluster.revision(),
                () -> roots.material().rootsPem(),
                troubles));
        bundles.start();
        ScheduledExecutorService renewals = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("renewals").daemon(true).factory());
        open.push(renewals::shutdownNow);
        renewals.scheduleWithFixedDelay(
                () -> renew(certificate, certificate::renewIfDue, troubles),
                LOOK_MINUTES,
                LOOK_MINUTES,
                TimeUnit.MINUTES);
        changes.add(() -> renew(certificate, certificate::renew, troubles));
        changes.add(distribution::changed);
        changes.add(bundles::changed);
        if (roots.material() != first) {
            changes.forEach(Runnable::run); // it changed before there was anybody to tell
        }
        ScheduledExecutorService reviews = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("reviews").daemon(true).factory());
        open.push(reviews::shutdownNow);
        reviews.scheduleWithFixedDelay(() -> look(access), REVIEW_SECONDS, REVIEW_SECONDS, TimeUnit.SECONDS);
        if (pilot.source() instanceof KubeSource source) {
            source.accounts().onGone((namespace, name) -> {
                access.forget(namespace, name);
                pilot.end(namespace, name);
            });
            var status = opened(new StatusWriter(
                    client, cluster.namespace(), cluster.revision(), replica(), sight(pilot, source), troubles, clock));
            source.onSeen(status::changed);
            pilot.onSnapshot(status::changed);
            status.start();
        }
        LOGGER.atInfo()
                .addKeyValue("secure", server.port())
                .addKeyValue("webhooks", hooks.port())
                .addKeyValue("trustDomain", trustDomain)
                .log("the mesh is served");
    }

    // Of this very process, for a pod may come back under its name.
    private static String replica() {
        String pod = System.getenv("POD_NAME");
        return (pod == null || pod.isEmpty() ? "mesh-pilot" : pod) + "_" + UUID.randomUUID();
    }

    private static StatusWriter.Sight sight(Pilot pilot, KubeSource source) {
        return new StatusWriter.Sight() {
            @Override
            public boolean isComplete() {
                return source.waitsFor().isEmpty();
            }

            @Override
            public Collection<Standing> standing() {
                // What is not discovered is another mesh's to speak of.
                Map<String, Map<String, String>> labels = pilot.objects().stream()
                        .filter(object -> object.spec() instanceof Namespace)
                        .collect(Collectors.toMap(
                                object -> object.ref().name(),
                                object -> object.metadata().labels(),
                                (one, _) -> one));
                return source.standing().stream()
                        .filter(standing -> pilot.discovers(
                                labels.getOrDefault(standing.ref().namespace(), Map.of())))
                        .toList();
            }

            @Override
            public List<Finding> findings() {
                return pilot.objectFindings();
            }
        };
    }

    private static Accounts accounts(Pilot pilot) {
        if (!(pilot.source() instanceof KubeSource source)) {
            return Accounts.ALL;
        }
        return identity -> {
            try {
                return source.accounts().exists(identity.namespace(), identity.serviceAccount());
            } catch (KubernetesClientException e) {
                throw new TokenReviewer.Unavailable("the API server cannot be asked whether service account "
                        + identity.namespace() + "/" + identity.serviceAccount() + " is there: " + e.getMessage());
            }
        };
    }

    private static void look(KubernetesSecretAccess access) {
        try {
            access.look();
        } catch (RuntimeException e) {
            LOGGER.atError().setCause(e).log("error of the pilot; who may have Secrets stays as it is");
        }
    }

    private interface Renewal {
        void run() throws CertificateAuthority.Refused;
    }

    private static void renew(LiveCertificate certificate, Renewal renewal, Troubles troubles) {
        try {
            renewal.run();
            troubles.over(CERTIFICATE);
        } catch (CertificateAuthority.Refused e) {
            troubles.tell(
                    CERTIFICATE,
                    "the pilot's own certificate, which ends at "
                            + certificate.current().getNotAfter().toInstant()
                            + ", cannot be renewed, and no proxy gets one: " + e.getMessage());
        }
    }

    // Also Istio's name for it: manifests and agents that say istiod find a pilot behind such a Service.
    private static List<String> names(KubeOptions cluster) {
        return Stream.of("mesh-pilot", "mesh-pilot-" + cluster.revision(), "istiod", "istiod-" + cluster.revision())
                .flatMap(name -> Stream.of(
                        name + "." + cluster.namespace(),
                        name + "." + cluster.namespace() + ".svc",
                        name + "." + cluster.namespace() + ".svc." + cluster.domain()))
                .toList();
    }

    int securePort() {
        return secure == null ? 0 : secure.port();
    }

    int webhookPort() {
        return webhooks == null ? 0 : webhooks.port();
    }

    private <T extends AutoCloseable> T opened(T part) {
        open.push(part);
        return part;
    }

    @Override
    public void close() {
        while (!open.isEmpty()) {
            try {
                open.pop().close();
            } catch (Exception e) {
                LOGGER.atWarn().setCause(e).log("while stopping");
            }
        }
    }
}
