package dev.mesh.pilot.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.proto.istio.auth.IstioCertificateRequest;
import dev.mesh.api.proto.istio.auth.IstioCertificateServiceGrpc;
import dev.mesh.pilot.ca.Requests;
import dev.mesh.pilot.kube.KubeOptions;
import dev.mesh.pilot.kube.KubeSource;
import dev.mesh.pilot.kube.OnApiServer;
import dev.mesh.pilot.kube.TestApiServer;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.ValidatingWebhookConfigurationBuilder;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.grpc.CallCredentials;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Identities and webhooks of two pilots on a real API server. Runs where `-Dkube` names the program: `make e2e`.
@OnApiServer
@SuppressWarnings("NullAway.Init") // set by JUnit
class MeshServersClusterTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    private static Path work;

    private static TestApiServer apiServer;
    private static KubernetesClient admin;
    private static Pilot one;
    private static Pilot two;
    private static MeshServers servers;
    private static MeshServers others;

    @BeforeAll
    static void start() throws IOException {
        apiServer = new TestApiServer(work);
        Path kubeconfig = apiServer.kubeconfig();
        admin = apiServer.admin();
        namespace("mesh-system");
        var cluster = new KubeOptions(kubeconfig, "mesh-system", "default", "Kubernetes", "cluster.local");
        one = new Pilot((registry, onChange) -> new KubeSource(cluster, registry, onChange), 0);
        two = new Pilot((registry, onChange) -> new KubeSource(cluster, registry, onChange), 0);
        one.start(pilot -> servers = MeshServers.start(pilot, cluster, "cluster.local", 0, 0));
        two.start(pilot -> others = MeshServers.start(pilot, cluster, "cluster.local", 0, 0));
    }

    @AfterAll
    static void end() throws IOException {
        for (Pilot pilot : new Pilot[] {one, two}) {
            if (pilot != null) {
                pilot.close();
            }
        }
        if (admin != null) {
            admin.close();
        }
        if (apiServer != null) {
            apiServer.close();
        }
    }

    private static void namespace(String name) {
        admin.resource(new NamespaceBuilder()
                        .withNewMetadata()
                        .withName(name)
                        .endMetadata()
                        .build())
                .create();
    }

    private static @Nullable String root(String namespace) {
        var map = admin.configMaps()
                .inNamespace(namespace)
                .withName("istio-ca-root-cert")
                .get();
        return map == null ? null : map.getData().get("root-cert.pem");
    }

    private static String awaitRoot(String namespace) {
        await().atMost(PATIENCE).until(() -> root(namespace) != null);
        return String.valueOf(root(namespace));
    }

    private static String token(String namespace, String account, String audience) {
        admin.resource(new ServiceAccountBuilder()
                        .withNewMetadata()
                        .withName(account)
                        .withNamespace(namespace)
                        .endMetadata()
                        .build())
                .serverSideApply();
        return admin.serviceAccounts()
                .inNamespace(namespace)
                .withName(account)
                .tokenRequest(new TokenRequestBuilder()
                        .withNewSpec()
                        .withAudiences(audience)
                        .endSpec()
                        .build())
                .getStatus()
                .getToken();
    }

    private static List<String> sign(int port, String rootPem, String token, KeyPair key) throws IOException {
        var channel = NettyChannelBuilder.forAddress("127.0.0.1", port)
                .overrideAuthority("mesh-pilot.mesh-system.svc")
                .sslContext(GrpcSslContexts.forClient()
                        .trustManager(new ByteArrayInputStream(rootPem.getBytes(StandardCharsets.US_ASCII)))
                        .build())
                .build();
        try {
            return IstioCertificateServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(30, TimeUnit.SECONDS)
                    .withCallCredentials(new CallCredentials() {
                        @Override
                        public void applyRequestMetadata(RequestInfo info, Executor ignored, MetadataApplier applier) {
                            var headers = new Metadata();
                            headers.put(
                                    Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
                                    "Bearer " + token);
                            applier.apply(headers);
                        }
                    })
                    .createCertificate(IstioCertificateRequest.newBuilder()
                            .setCsr(Requests.pem(key, "spiffe://cluster.local/ns/bank/sa/admin"))
                            .build())
                    .getCertChainList();
        } finally {
            channel.shutdownNow();
        }
    }

    @Test
    void aServiceAccountsTokenGivesItsCertificateFromEitherPilot() throws Exception {
        namespace("shop");
        String rootPem = awaitRoot("shop");
        KeyPair key = Requests.elliptic("secp256r1");

        for (int port : List.of(servers.securePort(), others.securePort())) {
            List<String> chain = sign(port, rootPem, token("shop", "reviews", "istio-ca"), key);

            var leaf = (X509Certificate) CertificateFactory.getInstance("X.509")
                    .generateCertificate(
                            new ByteArrayInputStream(chain.getFirst().getBytes(StandardCharsets.US_ASCII)));
            assertThat(leaf.getSubjectAlternativeNames())
                    .containsExactly(List.of(6, "spiffe://cluster.local/ns/shop/sa/reviews"));
            assertThat(chain.getLast()).as("both pilots have one root").isEqualTo(rootPem);
        }
    }

    @Test
    void aTokenForAnotherAudienceProvesNothing() {
        namespace("vault");
        String rootPem = awaitRoot("vault");
        String token = token("vault", "default", "vault");
        try {
            sign(servers.securePort(), rootPem, token, Requests.elliptic("secp256r1"));
            org.assertj.core.api.Assertions.fail("a certificate was given");
        } catch (StatusRuntimeException e) {
            assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
            assertThat(e.getStatus().getDescription()).contains("audience istio-ca");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void theRootIsInEveryNamespaceAndIsPutRight() {
        namespace("late");
        String rootPem = awaitRoot("late");
        assertThat(awaitRoot("mesh-system")).as("a namespace of before").isEqualTo(rootPem);
        admin.configMaps()
                .inNamespace("late")
                .withName("istio-ca-root-cert")
                .edit(map -> new ConfigMapBuilder(map)
                        .withData(Map.of("root-cert.pem", "mine"))
                        .build());
        await().atMost(PATIENCE).until(() -> rootPem.equals(root("late")));
        admin.configMaps().inNamespace("late").withName("istio-ca-root-cert").delete();
        await().atMost(PATIENCE).until(() -> rootPem.equals(root("late")));
        assertThat(root("kube-system")).as("no proxies live there").isNull();
    }

    @Test
    void theRootOfAnotherControlPlaneStaysAsItIs() {
        namespace("seen-before");
        awaitRoot("seen-before");
        admin.configMaps()
                .inNamespace("seen-before")
                .withName("istio-ca-root-cert")
                .edit(map -> new ConfigMapBuilder(map)
                        .editMetadata()
                        .withLabels(Map.of("istio.io/config", "true"))
                        .endMetadata()
                        .withData(Map.of("root-cert.pem", "theirs"))
                        .build());
        namespace("seen-after"); // told of after it, so both were looked at
        awaitRoot("seen-after");

        assertThat(root("seen-before")).isEqualTo("theirs");
    }

    @Test
    void onlyNamespacesThatTheMeshDiscoversAreGivenTheRoot() {
        var settings = new ConfigMapBuilder()
                .withNewMetadata()
                .withName("mesh")
                .withNamespace("mesh-system")
                .endMetadata()
                .addToData("mesh", "discoverySelectors: [{matchLabels: {mesh: 'yes'}}]")
                .build();
        admin.resource(settings).create();
        try {
            await().atMost(PATIENCE).until(() -> !one.discovers(Map.of()) && !two.discovers(Map.of()));
            namespace("aside");
            namespace("inside");
            label("inside");
            String rootPem = awaitRoot("inside");
            assertThat(root("aside")).as("seen before it").isNull();
            assertThat(awaitRoot("mesh-system")).as("the pilot's own").isEqualTo(rootPem);
            label("aside");
            assertThat(awaitRoot("aside")).isEqualTo(rootPem);

            namespace("later");
        } finally {
            admin.resource(settings).delete();
        }
        awaitRoot("later");
    }

    private static void label(String namespace) {
        admin.namespaces()
                .withName(namespace)
                .edit(found -> new NamespaceBuilder(found)
                        .editMetadata()
                        .addToLabels("mesh", "yes")
                        .endMetadata()
                        .build());
    }

    @Test
    void theApiServerIsToldTheRootOfTheWebhooks() {
        namespace("hooks");
        String rootPem = awaitRoot("hooks");
        admin.resource(new ValidatingWebhookConfigurationBuilder()
                        .withNewMetadata()
                        .withName("mesh-validator")
                        .endMetadata()
                        .addNewWebhook()
                        .withName("validation.mesh.dev")
                        .withAdmissionReviewVersions("v1")
                        .withSideEffects("None")
                        .withFailurePolicy("Ignore")
                        .withNewClientConfig()
                        .withNewService()
                        .withName("mesh-pilot")
                        .withNamespace("mesh-system")
                        .withPath("/validate")
                        .endService()
                        .endClientConfig()
                        .endWebhook()
                        .build())
                .create();

        await().atMost(PATIENCE).until(() -> {
            String bundle = admin.admissionRegistration()
                    .v1()
                    .validatingWebhookConfigurations()
                    .withName("mesh-validator")
                    .get()
                    .getWebhooks()
                    .getFirst()
                    .getClientConfig()
                    .getCaBundle();
            return bundle != null
                    && new String(Base64.getDecoder().decode(bundle), StandardCharsets.US_ASCII).equals(rootPem);
        });
    }
}
