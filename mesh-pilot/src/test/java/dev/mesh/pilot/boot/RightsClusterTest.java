package dev.mesh.pilot.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.proto.istio.auth.IstioCertificateRequest;
import dev.mesh.api.proto.istio.auth.IstioCertificateServiceGrpc;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.ca.Requests;
import dev.mesh.pilot.kube.KubeOptions;
import dev.mesh.pilot.kube.KubeSource;
import dev.mesh.pilot.kube.OnApiServer;
import dev.mesh.pilot.kube.TestApiServer;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.grpc.CallCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a proxy's service account may do, and what becomes of the proxy when that changes: on a real API server. Runs
/// where `-Dkube` names the program: `make e2e`.
@OnApiServer
@SuppressWarnings("NullAway.Init") // set by JUnit
class RightsClusterTest {
    private static final Path CRDS = Path.of("..", "charts", "mesh-base", "files", "crds");
    // An answer of the API server holds for 45 to 75 s.
    private static final long PATIENCE_SECONDS = 120;

    @TempDir
    private static Path work;

    private static TestApiServer apiServer;
    private static KubernetesClient admin;
    private static Pilot pilot;
    private static MeshServers servers;

    @BeforeAll
    static void start() throws Exception {
        apiServer = new TestApiServer(work);
        admin = apiServer.admin();
        apply(Files.readString(CRDS.resolve("gateways.networking.istio.io.yaml")));
        X509Bundle certificate = new CertificateBuilder()
                .subject("CN=shop.example")
                .ecp256()
                .setIsCertificateAuthority(true)
                .buildSelfSigned();
        apply("""
                apiVersion: v1
                kind: Namespace
                metadata: {name: mesh-system}
                ---
                apiVersion: v1
                kind: Namespace
                metadata: {name: shop}
                ---
                apiVersion: v1
                kind: ServiceAccount
                metadata: {name: edge, namespace: shop}
                ---
                apiVersion: v1
                kind: Secret
                metadata: {name: shop-cert, namespace: shop}
                type: kubernetes.io/tls
                stringData:
                  tls.crt: |
                %s
                  tls.key: |
                %s
                """.formatted(
                        certificate.getCertificatePEM().indent(4).stripTrailing(),
                        certificate.getPrivateKeyPEM().indent(4).stripTrailing()));
        await().ignoreExceptions().untilAsserted(() -> apply("""
                apiVersion: networking.istio.io/v1
                kind: Gateway
                metadata: {name: edge, namespace: shop}
                spec:
                  selector: {istio: ingressgateway}
                  servers:
                  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: shop-cert}}
                """));
        var cluster = new KubeOptions(apiServer.kubeconfig(), "mesh-system", "default", "Kubernetes", "cluster.local");
        pilot = new Pilot((registry, onChange) -> new KubeSource(cluster, registry, onChange), 0);
        pilot.start(started -> servers = MeshServers.start(started, cluster, "cluster.local", 0, 0));
    }

    @AfterAll
    static void end() throws IOException {
        if (pilot != null) {
            pilot.close();
        }
        if (admin != null) {
            admin.close();
        }
        if (apiServer != null) {
            apiServer.close();
        }
    }

    private static void apply(String yaml) {
        admin.load(new ByteArrayInputStream(yaml.getBytes(StandardCharsets.UTF_8)))
                .serverSideApply();
    }

    private static CallCredentials token() {
        String token = admin.serviceAccounts()
                .inNamespace("shop")
                .withName("edge")
                .tokenRequest(new TokenRequestBuilder()
                        .withNewSpec()
                        .withAudiences("istio-ca")
                        .endSpec()
                        .build())
                .getStatus()
                .getToken();
        return new CallCredentials() {
            @Override
            public void applyRequestMetadata(RequestInfo info, Executor ignored, MetadataApplier applier) {
                var headers = new Metadata();
                headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
                applier.apply(headers);
            }
        };
    }

    private static ManagedChannel channel(String root, @Nullable KeyPair key, List<X509Certificate> chain)
            throws IOException {
        var tls = GrpcSslContexts.forClient()
                .trustManager(new ByteArrayInputStream(root.getBytes(StandardCharsets.US_ASCII)));
        if (key != null) {
            tls.keyManager(key.getPrivate(), chain.toArray(X509Certificate[]::new));
        }
        return NettyChannelBuilder.forAddress("127.0.0.1", servers.securePort())
                .overrideAuthority("mesh-pilot.mesh-system.svc")
                .sslContext(tls.build())
                .build();
    }

    private static List<X509Certificate> certificate(String root, KeyPair key) throws Exception {
        ManagedChannel channel = channel(root, null, List.of());
        try {
            String leaf = IstioCertificateServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(PATIENCE_SECONDS, TimeUnit.SECONDS)
                    .withCallCredentials(token())
                    .createCertificate(IstioCertificateRequest.newBuilder()
                            .setCsr(Requests.pem(key, "spiffe://cluster.local/ns/shop/sa/edge"))
                            .build())
                    .getCertChain(0);
            return List.of((X509Certificate) CertificateFactory.getInstance("X.509")
                    .generateCertificate(new ByteArrayInputStream(leaf.getBytes(StandardCharsets.US_ASCII))));
        } finally {
            channel.shutdownNow();
        }
    }

    /// A gateway that names its Secret.
    ///
    /// @param answers about Secrets
    /// @param end how its stream ended
    private record Gateway(BlockingQueue<DeltaDiscoveryResponse> answers, CompletableFuture<Status> end) {}

    private static Gateway gateway(ManagedChannel channel) {
        var gateway = new Gateway(new LinkedBlockingQueue<>(), new CompletableFuture<>());
        var node = Node.newBuilder().setId("router~10.0.0.1~edge-1.shop~shop.svc.cluster.local");
        node.getMetadataBuilder()
                .putFields(
                        "LABELS",
                        com.google.protobuf.Value.newBuilder()
                                .setStructValue(com.google.protobuf.Struct.newBuilder()
                                        .putFields(
                                                "istio",
                                                com.google.protobuf.Value.newBuilder()
                                                        .setStringValue("ingressgateway")
                                                        .build()))
                                .build());
        AggregatedDiscoveryServiceGrpc.newStub(channel)
                .deltaAggregatedResources(new StreamObserver<>() {
                    @Override
                    public void onNext(DeltaDiscoveryResponse response) {
                        if (response.getTypeUrl().equals(XdsType.SECRET.typeUrl())) {
                            gateway.answers.add(response);
                        }
                    }

                    @Override
                    public void onError(Throwable problem) {
                        gateway.end.complete(Status.fromThrowable(problem));
                    }

                    @Override
                    public void onCompleted() {
                        gateway.end.complete(Status.OK);
                    }
                })
                .onNext(DeltaDiscoveryRequest.newBuilder()
                        .setNode(node)
                        .setTypeUrl(XdsType.SECRET.typeUrl())
                        .addResourceNamesSubscribe("kubernetes://shop-cert")
                        .build());
        return gateway;
    }

    private static @Nullable String root() {
        var map = admin.configMaps()
                .inNamespace("shop")
                .withName("istio-ca-root-cert")
                .get();
        return map == null ? null : map.getData().get("root-cert.pem");
    }

    @Test
    void theRightComesLaterAndTheAccountGoes() throws Exception {
        await().until(() -> root() != null);
        String root = Objects.requireNonNull(root());
        KeyPair key = Requests.elliptic("secp256r1");
        ManagedChannel channel = channel(root, key, certificate(root, key));
        try {
            Gateway gateway = gateway(channel);
            assertThat(gateway.answers.poll(PATIENCE_SECONDS, TimeUnit.SECONDS))
                    .extracting(DeltaDiscoveryResponse::getRemovedResourcesList)
                    .isEqualTo(List.of("kubernetes://shop-cert"));

            apply("""
                    apiVersion: rbac.authorization.k8s.io/v1
                    kind: Role
                    metadata: {name: edge, namespace: shop}
                    rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}]
                    ---
                    apiVersion: rbac.authorization.k8s.io/v1
                    kind: RoleBinding
                    metadata: {name: edge, namespace: shop}
                    roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: edge}
                    subjects: [{kind: ServiceAccount, name: edge, namespace: shop}]
                    """);
            assertThat(gateway.answers.poll(PATIENCE_SECONDS, TimeUnit.SECONDS))
                    .as("by itself, without any other change")
                    .extracting(DeltaDiscoveryResponse::getResourcesCount)
                    .isEqualTo(1);

            admin.serviceAccounts().inNamespace("shop").withName("edge").delete();
            assertThat(gateway.end.get(PATIENCE_SECONDS, TimeUnit.SECONDS))
                    .extracting(Status::getDescription)
                    .isEqualTo("service account shop/edge was deleted or made anew");
            assertThat(gateway(channel).end.get(PATIENCE_SECONDS, TimeUnit.SECONDS))
                    .extracting(Status::getDescription)
                    .asString()
                    .startsWith("there is no service account shop/edge (any more)");

            apply("""
                    apiVersion: v1
                    kind: ServiceAccount
                    metadata: {name: edge, namespace: shop}
                    """);
            Gateway anew = gateway(channel);
            assertThat(anew.answers.poll(PATIENCE_SECONDS, TimeUnit.SECONDS))
                    .as("reviewed anew: the binding is by name")
                    .extracting(DeltaDiscoveryResponse::getResourcesCount)
                    .isEqualTo(1);
        } finally {
            channel.shutdownNow();
        }
    }
}
