package dev.mesh.pilot.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.identity.SpiffeId;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.proto.istio.auth.IstioCertificateRequest;
import dev.mesh.api.proto.istio.auth.IstioCertificateServiceGrpc;
import dev.mesh.api.proto.v1.Hello;
import dev.mesh.api.proto.v1.ProxyMessage;
import dev.mesh.api.proto.v1.ProxySessionGrpc;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.pilot.ca.Authentication;
import dev.mesh.pilot.ca.CertificateAuthority;
import dev.mesh.pilot.ca.CertificateService;
import dev.mesh.pilot.ca.IssuanceCounts;
import dev.mesh.pilot.ca.LiveCertificate;
import dev.mesh.pilot.ca.MeshTrust;
import dev.mesh.pilot.ca.Requests;
import dev.mesh.pilot.ca.SigningMaterial;
import dev.mesh.pilot.ca.TokenReviewer;
import dev.mesh.pilot.generate.ConfigGenerators;
import dev.mesh.pilot.model.Caller;
import dev.mesh.pilot.push.PushContextBuilder;
import dev.mesh.pilot.registry.Troubles;
import dev.mesh.pilot.serve.AdsService;
import dev.mesh.pilot.session.ProxySessions;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DiscoveryRequest;
import io.grpc.CallCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The port for proxies, with real TLS and real gRPC; only who judges tokens is made up.
@SuppressWarnings("NullAway.Init") // set by JUnit
class SecureServerTest {
    private static final String NAME = "mesh-pilot.mesh-system.svc";
    private static final String PODS = """
            apiVersion: v1
            kind: Pod
            metadata: {name: reviews-1, namespace: shop}
            spec: {serviceAccountName: reviews, containers: [{name: app}]}
            status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}]}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: payments-1, namespace: shop}
            spec: {serviceAccountName: payments, containers: [{name: app}]}
            status: {phase: Running, podIP: 10.0.0.2, podIPs: [{ip: 10.0.0.2}]}
            """;
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final SigningMaterial root = CertificateAuthority.selfSigned(
            "cluster.local", Clock.offset(Clock.systemUTC(), Duration.ofDays(-10)), "the test's root");
    private final ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor();
    private final List<ManagedChannel> channels = new ArrayList<>();
    private final IssuanceCounts counts = new IssuanceCounts();
    private final Troubles troubles = new Troubles();
    private final Set<SpiffeId> deleted = ConcurrentHashMap.newKeySet();
    private ProxySessions sessions;
    private AdsService ads;
    private SecureServer server;
    private volatile Instant now = Instant.now();
    private final Clock clock = new Clock() {
        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return now;
        }
    };

    // "shop/reviews" is a token of that service account.
    private static Caller review(String token) throws TokenReviewer.Invalid, TokenReviewer.Unavailable {
        if (token.equals("outage")) {
            throw new TokenReviewer.Unavailable("the API server cannot be asked");
        }
        int slash = token.indexOf('/');
        if (slash < 0) {
            throw new TokenReviewer.Invalid("no such token");
        }
        return new Caller(new SpiffeId("cluster.local", token.substring(0, slash), token.substring(slash + 1)));
    }

    @BeforeEach
    void start() throws Exception {
        var authority = new CertificateAuthority(() -> root, Clock.systemUTC());
        var objects = new ArrayList<MeshObject>();
        objects.addAll(ObjectReader.read("pods.yaml", PODS.getBytes(StandardCharsets.UTF_8))
                .objects());
        var context = PushContextBuilder.build(1, objects);
        sessions = new ProxySessions(() -> context);
        ads = new AdsService(new ConfigGenerators(), () -> context, executor);
        server = server(authority, Duration.ofHours(1));
        server.start();
    }

    private SecureServer server(CertificateAuthority authority, Duration longest) throws Exception {
        return new SecureServer(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                new LiveCertificate(authority, List.of(NAME), Clock.systemUTC()),
                new MeshTrust(root::roots, troubles),
                new Authentication(
                        SecureServerTest::review,
                        "cluster.local",
                        clock,
                        counts,
                        identity -> !deleted.contains(identity),
                        troubles),
                executor,
                longest,
                List.of(new CertificateService(authority, counts), ads, sessions));
    }

    @AfterEach
    void stop() {
        channels.forEach(ManagedChannel::shutdownNow);
        server.close();
        executor.shutdownNow();
    }

    private ManagedChannel channel(List<X509Certificate> trusted, @Nullable KeyPair key, List<X509Certificate> chain)
            throws Exception {
        var tls = GrpcSslContexts.forClient().trustManager(trusted.toArray(X509Certificate[]::new));
        if (key != null) {
            tls.keyManager(key.getPrivate(), chain.toArray(X509Certificate[]::new));
        }
        var channel = NettyChannelBuilder.forAddress("127.0.0.1", server.port())
                .overrideAuthority(NAME)
                .sslContext(tls.build())
                .build();
        channels.add(channel);
        return channel;
    }

    private static CallCredentials token(String token) {
        return new CallCredentials() {
            @Override
            public void applyRequestMetadata(RequestInfo info, Executor ignored, MetadataApplier applier) {
                var headers = new Metadata();
                headers.put(AUTHORIZATION, "Bearer " + token);
                applier.apply(headers);
            }
        };
    }

    private static List<String> sign(ManagedChannel channel, @Nullable String token, KeyPair key) {
        var stub = IstioCertificateServiceGrpc.newBlockingStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS);
        return (token == null ? stub : stub.withCallCredentials(token(token)))
                .createCertificate(IstioCertificateRequest.newBuilder()
                        .setCsr(Requests.pem(key, "spiffe://cluster.local/ns/bank/sa/admin"))
                        .build())
                .getCertChainList();
    }

    private static X509Certificate certificate(String pem) throws Exception {
        return (X509Certificate) CertificateFactory.getInstance("X.509")
                .generateCertificate(new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII)));
    }

    private static Status status(ManagedChannel channel, @Nullable String token) {
        try {
            sign(channel, token, Requests.elliptic("secp256r1"));
            return Status.OK;
        } catch (StatusRuntimeException e) {
            return e.getStatus();
        }
    }

    /// How a stream ends.
    ///
    /// @param answers whether an answer is an outcome too: null
    private record Outcome<T>(CompletableFuture<@Nullable Status> outcome, boolean answers)
            implements StreamObserver<T> {
        @Override
        public void onNext(T message) {
            if (answers) {
                outcome.complete(null);
            }
        }

        @Override
        public void onError(Throwable problem) {
            outcome.complete(Status.fromThrowable(problem));
        }

        @Override
        public void onCompleted() {
            outcome.complete(Status.OK);
        }
    }

    /// What ADS says to a node: null if it is served.
    private static @Nullable Status stream(ManagedChannel channel, @Nullable String token, Node node) throws Exception {
        var stub = AggregatedDiscoveryServiceGrpc.newStub(channel);
        var outcome = new CompletableFuture<@Nullable Status>();
        var requests = (token == null ? stub : stub.withCallCredentials(token(token)))
                .streamAggregatedResources(new Outcome<>(outcome, true));
        requests.onNext(DiscoveryRequest.newBuilder()
                .setNode(node)
                .setTypeUrl("type.googleapis.com/envoy.config.cluster.v3.Cluster")
                .build());
        return outcome.get(30, TimeUnit.SECONDS);
    }

    private static Node node(String namespace) {
        return Node.newBuilder()
                .setId("sidecar~10.0.0.1~reviews-1." + namespace + "~" + namespace + ".svc.cluster.local")
                .build();
    }

    @Test
    void aTokenGivesACertificateAndTheCertificateGivesConfiguration() throws Exception {
        KeyPair key = Requests.elliptic("secp256r1");
        List<String> chain = sign(channel(root.roots(), null, List.of()), "shop/reviews", key);
        X509Certificate leaf = certificate(chain.getFirst());
        assertThat(leaf.getSubjectAlternativeNames())
                .containsExactly(List.of(6, "spiffe://cluster.local/ns/shop/sa/reviews"));

        ManagedChannel mutual = channel(root.roots(), key, List.of(leaf));

        assertThat(stream(mutual, null, node("shop"))).as("without a token").isNull();
        assertThat(sign(mutual, null, key)).as("renewal").hasSize(2);
    }

    @Test
    void nobodyIsAnotherOnesProxy() throws Exception {
        ManagedChannel channel = channel(root.roots(), null, List.of());

        Status foreign = stream(channel, "shop/reviews", node("bank"));
        Status account = stream(
                channel,
                "shop/reviews",
                node("shop").toBuilder()
                        .setMetadata(com.google.protobuf.Struct.newBuilder()
                                .putFields(
                                        "SERVICE_ACCOUNT",
                                        com.google.protobuf.Value.newBuilder()
                                                .setStringValue("admin")
                                                .build()))
                        .build());

        assertThat(foreign).isNotNull();
        assertThat(foreign.getCode()).isEqualTo(Status.Code.PERMISSION_DENIED);
        assertThat(foreign.getDescription())
                .startsWith(
                        "spiffe://cluster.local/ns/shop/sa/reviews may not be node \"sidecar~10.0.0.1~reviews-1.bank");
        assertThat(account).isNotNull();
        assertThat(account.getCode()).isEqualTo(Status.Code.PERMISSION_DENIED);
        assertThat(stream(channel, "shop/reviews", node("shop"))).isNull();
    }

    private ManagedChannel reviews() throws Exception {
        KeyPair key = Requests.elliptic("secp256r1");
        List<String> chain = sign(channel(root.roots(), null, List.of()), "shop/reviews", key);
        return channel(root.roots(), key, List.of(certificate(chain.getFirst())));
    }

    private static Node pod(String name, String address) {
        return Node.newBuilder()
                .setId("sidecar~" + address + "~" + name + ".shop~shop.svc.cluster.local")
                .build();
    }

    @Test
    void aCertificateDoesNotServeThePodOfAnotherServiceAccount() throws Exception {
        ManagedChannel mutual = reviews();

        Status byName = stream(mutual, null, pod("payments-1", "10.0.0.9"));
        Status byAddress = stream(mutual, null, pod("reviews-2", "10.0.0.2"));

        assertThat(byName).isNotNull();
        assertThat(byName.getCode()).isEqualTo(Status.Code.PERMISSION_DENIED);
        assertThat(byName.getDescription()).contains("a pod of service account \"payments\"");
        assertThat(byAddress).isNotNull();
        assertThat(byAddress.getCode()).isEqualTo(Status.Code.PERMISSION_DENIED);
        assertThat(byAddress.getDescription()).contains("at the address of pod shop/payments-1");
        assertThat(stream(mutual, null, pod("reviews-1", "10.0.0.1"))).isNull();
        assertThat(stream(mutual, null, pod("reviews-2", "10.0.0.3")))
                .as("a pod that is not known yet")
                .isNull();
    }

    /// How a session ends that says these names.
    private static @Nullable Status session(ManagedChannel channel, String... names) throws Exception {
        var outcome = new CompletableFuture<@Nullable Status>();
        var out = ProxySessionGrpc.newStub(channel).open(new Outcome<>(outcome, false));
        for (String name : names) {
            out.onNext(ProxyMessage.newBuilder()
                    .setHello(Hello.newBuilder().setNodeId(name))
                    .build());
        }
        return outcome.get(30, TimeUnit.SECONDS);
    }

    @Test
    void nobodySpeaksInAnotherOnesSession() throws Exception {
        ManagedChannel mutual = reviews();
        String own = pod("reviews-1", "10.0.0.1").getId();
        String foreign = pod("payments-1", "10.0.0.2").getId();

        assertThat(session(mutual, foreign)).extracting(Status::getCode).isEqualTo(Status.Code.PERMISSION_DENIED);
        assertThat(sessions.state(foreign)).isEmpty();
        assertThat(session(mutual, own, own.replace("reviews-1", "reviews-3")))
                .extracting(Status::getCode)
                .isEqualTo(Status.Code.INVALID_ARGUMENT);
        assertThat(sessions.state(own)).as("it has ended").isEmpty();
    }

    @Test
    void aCertificateThatHasEndedProvesNothingOnAConnectionOfBefore() throws Exception {
        ManagedChannel mutual = reviews();
        assertThat(status(mutual, null).getCode()).isEqualTo(Status.Code.OK);

        now = now.plus(Duration.ofDays(2));

        Status after = status(mutual, null);
        assertThat(after.getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
        assertThat(after.getDescription()).startsWith("the certificate is not valid now");
        assertThat(troubles.all())
                .singleElement()
                .asString()
                .startsWith("refused a call of 127.0.0.1: the certificate is not valid now");
    }

    @Test
    void aCertificateThatHasEndedIsRefusedAndSaidWithItsName() throws Exception {
        KeyPair key = Requests.elliptic("secp256r1");
        Clock past = Clock.fixed(Instant.now().minus(Duration.ofDays(3)), ZoneOffset.UTC);
        var ended = new CertificateAuthority(() -> root, past)
                .sign(
                        Requests.pem(key, "spiffe://a/ns/b/sa/c"),
                        new SpiffeId("cluster.local", "shop", "reviews"),
                        Duration.ofHours(1));

        assertThat(status(channel(root.roots(), key, ended.chain()), null).getCode())
                .isEqualTo(Status.Code.UNAVAILABLE);

        assertThat(troubles.all())
                .singleElement()
                .asString()
                .startsWith("refused a client's certificate (spiffe://cluster.local/ns/shop/sa/reviews): it ended at ");
    }

    private static void open(
            AggregatedDiscoveryServiceGrpc.AggregatedDiscoveryServiceStub stub,
            Node node,
            CompletableFuture<@Nullable Status> end) {
        stub.streamAggregatedResources(new Outcome<>(end, false))
                .onNext(DiscoveryRequest.newBuilder()
                        .setNode(node)
                        .setTypeUrl("type.googleapis.com/envoy.config.cluster.v3.Cluster")
                        .build());
    }

    @Test
    void theProxiesOfAnAccountThatIsGoneAreLetGoAndNotLetInAgain() throws Exception {
        ManagedChannel gone = reviews();
        ManagedChannel stays = channel(root.roots(), null, List.of());
        var reviewsEnd = new CompletableFuture<@Nullable Status>();
        var paymentsEnd = new CompletableFuture<@Nullable Status>();
        open(AggregatedDiscoveryServiceGrpc.newStub(gone), pod("reviews-1", "10.0.0.1"), reviewsEnd);
        open(
                AggregatedDiscoveryServiceGrpc.newStub(stays).withCallCredentials(token("shop/payments")),
                pod("payments-1", "10.0.0.2"),
                paymentsEnd);
        var sessionEnd = new CompletableFuture<@Nullable Status>();
        ProxySessionGrpc.newStub(gone)
                .open(new Outcome<>(sessionEnd, false))
                .onNext(ProxyMessage.newBuilder()
                        .setHello(Hello.newBuilder()
                                .setNodeId(pod("reviews-1", "10.0.0.1").getId()))
                        .build());
        await().until(() -> ads.connected().size() == 2
                && sessions.state(pod("reviews-1", "10.0.0.1").getId()).isPresent());

        var reviews = new SpiffeId("cluster.local", "shop", "reviews");
        deleted.add(reviews);
        var why = Status.UNAUTHENTICATED.withDescription("it is gone");
        ads.end(caller -> caller.identity().equals(reviews), why);
        sessions.end(caller -> caller.identity().equals(reviews), why);

        assertThat(reviewsEnd.get(30, TimeUnit.SECONDS))
                .extracting(Status::getDescription)
                .isEqualTo("it is gone");
        assertThat(sessionEnd.get(30, TimeUnit.SECONDS))
                .extracting(Status::getDescription)
                .isEqualTo("it is gone");
        assertThat(ads.connected())
                .extracting(connected -> connected.node().id())
                .containsExactly(pod("payments-1", "10.0.0.2").getId());
        assertThat(paymentsEnd).isNotDone();
        Status again = stream(gone, null, pod("reviews-1", "10.0.0.1"));
        assertThat(again).extracting(Status::getCode).isEqualTo(Status.Code.UNAUTHENTICATED);
        assertThat(again)
                .extracting(Status::getDescription)
                .asString()
                .startsWith("there is no service account shop/reviews (any more)");
        assertThat(status(gone, null).getCode()).as("no renewal").isEqualTo(Status.Code.UNAUTHENTICATED);
    }

    @Test
    void aStreamEndsWithItsConnectionWhichDoesNotLastForEver() throws Exception {
        server.close();
        server = server(new CertificateAuthority(() -> root, Clock.systemUTC()), Duration.ofMillis(10));
        server.start();
        var ended = new CompletableFuture<@Nullable Status>();
        var requests = AggregatedDiscoveryServiceGrpc.newStub(channel(root.roots(), null, List.of()))
                .withCallCredentials(token("shop/reviews"))
                .streamAggregatedResources(new Outcome<>(ended, false));
        requests.onNext(DiscoveryRequest.newBuilder()
                .setNode(node("shop"))
                .setTypeUrl("type.googleapis.com/envoy.config.cluster.v3.Cluster")
                .build());

        assertThat(ended.get(60, TimeUnit.SECONDS)).extracting(Status::getCode).isNotEqualTo(Status.Code.OK);
    }

    @Test
    void withoutAnIdentityThereIsNothing() throws Exception {
        ManagedChannel channel = channel(root.roots(), null, List.of());

        assertThat(status(channel, null).getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
        assertThat(status(channel, "made-up").getDescription()).isEqualTo("no such token");
        assertThat(status(channel, "outage").getCode()).isEqualTo(Status.Code.UNAVAILABLE);
        assertThat(stream(channel, null, node("shop")))
                .extracting(Status::getCode)
                .isEqualTo(Status.Code.UNAUTHENTICATED);
    }

    @Test
    void whatBecomesOfEachRequestIsCounted() throws Exception {
        ManagedChannel channel = channel(root.roots(), null, List.of());
        KeyPair key = Requests.elliptic("secp256r1");
        sign(channel, "shop/reviews", key);
        status(channel, null);
        status(channel, "outage");
        stream(channel, "made-up", node("shop"));
        ask(channel, "no request", 0);
        ask(channel, Requests.pem(key, "spiffe://a/ns/b/sa/c"), CertificateAuthority.LONGEST_LIFE.toSeconds() + 1);

        assertThat(counts.requestsSoFar()).isEqualTo(5);
        assertThat(counts.issuedSoFar()).isEqualTo(1);
        assertThat(counts.unauthenticatedSoFar()).as("not those of other calls").isEqualTo(2);
        assertThat(counts.malformedSoFar()).isEqualTo(1);
        assertThat(counts.unsignedSoFar(IssuanceCounts.SigningError.TTL_ERROR)).isEqualTo(1);
        assertThat(counts.unidentifiedSoFar()).isZero();
    }

    private static void ask(ManagedChannel channel, String request, long seconds) {
        assertThatExceptionOfType(StatusRuntimeException.class)
                .isThrownBy(() -> IstioCertificateServiceGrpc.newBlockingStub(channel)
                        .withDeadlineAfter(30, TimeUnit.SECONDS)
                        .withCallCredentials(token("shop/reviews"))
                        .createCertificate(IstioCertificateRequest.newBuilder()
                                .setCsr(request)
                                .setValidityDuration(seconds)
                                .build()));
    }

    @Test
    void certificatesOfOtherAuthoritiesAndTrustDomainsProveNothing() throws Exception {
        KeyPair key = Requests.elliptic("secp256r1");
        var stranger = CertificateAuthority.selfSigned("cluster.local", Clock.systemUTC(), "stranger");
        var theirs = new CertificateAuthority(() -> stranger, Clock.systemUTC())
                .sign(
                        Requests.pem(key, "spiffe://a/ns/b/sa/c"),
                        new SpiffeId("cluster.local", "shop", "reviews"),
                        Duration.ZERO);
        var elsewhere = new CertificateAuthority(() -> root, Clock.systemUTC())
                .sign(
                        Requests.pem(key, "spiffe://a/ns/b/sa/c"),
                        new SpiffeId("other.org", "shop", "reviews"),
                        Duration.ZERO);

        assertThat(status(channel(root.roots(), key, theirs.chain()), null).getCode())
                .as("the handshake fails")
                .isEqualTo(Status.Code.UNAVAILABLE);
        Status other = status(channel(root.roots(), key, elsewhere.chain()), null);
        assertThat(other.getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
        assertThat(other.getDescription()).contains("trust domain \"other.org\"");
    }

    @Test
    void aClientThatTrustsAnotherRootDoesNotSpeakToIt() {
        var stranger = CertificateAuthority.selfSigned("cluster.local", Clock.systemUTC(), "stranger");
        assertThatExceptionOfType(StatusRuntimeException.class)
                .isThrownBy(() -> sign(
                        channel(stranger.roots(), null, List.of()), "shop/reviews", Requests.elliptic("secp256r1")))
                .satisfies(e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE));
    }
}
