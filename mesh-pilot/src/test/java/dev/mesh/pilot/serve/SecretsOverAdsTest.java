package dev.mesh.pilot.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.identity.SpiffeId;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.generate.ConfigGenerators;
import dev.mesh.pilot.model.Caller;
import dev.mesh.pilot.push.PushContext;
import dev.mesh.pilot.push.PushContextBuilder;
import io.envoyproxy.envoy.config.core.v3.Node;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.envoyproxy.envoy.service.discovery.v3.AggregatedDiscoveryServiceGrpc;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryRequest;
import io.envoyproxy.envoy.service.discovery.v3.DeltaDiscoveryResponse;
import io.envoyproxy.envoy.service.discovery.v3.Resource;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.stub.StreamObserver;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Who is given what of a Secret, over a real stream. Who is calling, and what the API server says of him, is made up.
@SuppressWarnings("NullAway.Init") // set by each test
class SecretsOverAdsTest {
    private static final Path FOLDER = Path.of("src/test/resources/golden/gateway-credentials");

    private final ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor();
    private AdsService ads;
    private @Nullable Server server;
    private @Nullable ManagedChannel channel;

    @AfterEach
    void stop() {
        if (channel != null) {
            channel.shutdownNow();
        }
        if (server != null) {
            server.shutdownNow();
        }
        executor.shutdownNow();
    }

    /// Sets the caller, as the secure port does.
    private record Known(@Nullable Caller caller) implements ServerInterceptor {
        @Override
        public <Q, R> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
            return caller == null
                    ? next.startCall(call, headers)
                    : Contexts.interceptCall(Context.current().withValue(Callers.CALLER, caller), call, headers, next);
        }
    }

    /// What the first answer about secrets brings a gateway of `namespace`.
    private DeltaDiscoveryResponse secrets(@Nullable Caller caller, String namespace, SecretAccess access)
            throws Exception {
        var answer = answers(caller, namespace, access).poll(30, TimeUnit.SECONDS);
        assertThat(answer).isNotNull();
        return answer;
    }

    /// All answers about secrets.
    private BlockingQueue<DeltaDiscoveryResponse> answers(
            @Nullable Caller caller, String namespace, SecretAccess access) throws Exception {
        PushContext context = PushContextBuilder.build(
                1,
                ObjectReader.read("config.yaml", Files.readAllBytes(FOLDER.resolve("config.yaml")))
                        .objects());
        ads = new AdsService(new ConfigGenerators(), () -> context, executor);
        ads.secretAccess(access);
        String name = InProcessServerBuilder.generateName();
        server = InProcessServerBuilder.forName(name)
                .executor(executor)
                .addService(ServerInterceptors.intercept(ads, new Known(caller)))
                .build()
                .start();
        channel = InProcessChannelBuilder.forName(name).executor(executor).build();
        var answers = new LinkedBlockingQueue<DeltaDiscoveryResponse>();
        var requests = AggregatedDiscoveryServiceGrpc.newStub(channel)
                .deltaAggregatedResources(new StreamObserver<DeltaDiscoveryResponse>() {
                    @Override
                    public void onNext(DeltaDiscoveryResponse response) {
                        if (response.getTypeUrl().equals(XdsType.SECRET.typeUrl())) {
                            answers.add(response);
                        }
                    }

                    @Override
                    public void onError(Throwable problem) {}

                    @Override
                    public void onCompleted() {}
                });
        var node =
                Node.newBuilder().setId("router~10.0.0.1~edge-1." + namespace + "~" + namespace + ".svc.cluster.local");
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
        requests.onNext(DeltaDiscoveryRequest.newBuilder()
                .setNode(node)
                .setTypeUrl(XdsType.SECRET.typeUrl())
                .addAllResourceNamesSubscribe(List.of("kubernetes://a-cert", "kubernetes://b-cert-cacert"))
                .build());
        return answers;
    }

    private static Caller caller(String namespace) {
        return new Caller(new SpiffeId("cluster.local", namespace, "edge"));
    }

    @Test
    void aGatewayIsGivenTheSecretsOfTheNamespaceThatItHasProven() throws Exception {
        DeltaDiscoveryResponse answer =
                secrets(caller("shop"), "shop", asked -> asked != null && asked.equals(caller("shop")));

        assertThat(answer.getResourcesList())
                .extracting(Resource::getName)
                .containsExactly("kubernetes://a-cert", "kubernetes://b-cert-cacert");
        Secret pair = answer.getResources(0).getResource().unpack(Secret.class);
        assertThat(pair.getTlsCertificate().getPrivateKey().getInlineBytes().toStringUtf8())
                .contains("PRIVATE KEY");
        Secret trusted = answer.getResources(1).getResource().unpack(Secret.class);
        assertThat(trusted.getValidationContext()
                        .getTrustedCa()
                        .getInlineBytes()
                        .toStringUtf8())
                .contains("CERTIFICATE")
                .doesNotContain("PRIVATE KEY");
    }

    @Test
    void whoMayNotReadThemHimselfIsGivenNone() throws Exception {
        assertThat(secrets(caller("shop"), "shop", SecretAccess.NONE).getRemovedResourcesList())
                .containsExactlyInAnyOrder("kubernetes://a-cert", "kubernetes://b-cert-cacert");
    }

    @Test
    void whoIsAllowedLaterIsGivenThemThenAndLosesThemWithTheRight() throws Exception {
        var allowed = new AtomicBoolean();
        var answers = answers(caller("shop"), "shop", asked -> allowed.get());
        assertThat(answers.poll(30, TimeUnit.SECONDS))
                .extracting(DeltaDiscoveryResponse::getRemovedResourcesCount)
                .isEqualTo(2);
        assertThat(ads.wantSecrets()).containsExactly(caller("shop"));

        allowed.set(true);
        ads.refresh(caller("other")::equals);
        ads.refresh(caller("shop")::equals);
        assertThat(answers.poll(30, TimeUnit.SECONDS))
                .extracting(DeltaDiscoveryResponse::getResourcesCount)
                .isEqualTo(2);

        allowed.set(false);
        ads.refresh(caller("shop")::equals);
        assertThat(answers.poll(30, TimeUnit.SECONDS))
                .extracting(DeltaDiscoveryResponse::getRemovedResourcesCount)
                .isEqualTo(2);
        assertThat(answers).as("nothing more").isEmpty();
    }

    @Test
    void thoseOfAnotherNamespaceAreNotForHim() throws Exception {
        assertThat(secrets(caller("other"), "other", asked -> true).getRemovedResourcesList())
                .containsExactlyInAnyOrder("kubernetes://a-cert", "kubernetes://b-cert-cacert");
    }

    @Test
    void onTheLoopbackPortTheMachineIsTrusted() throws Exception {
        assertThat(secrets(null, "shop", SecretAccess.LOCAL).getResourcesList()).hasSize(2);
        assertThat(secrets(null, "shop", SecretAccess.NONE).getResourcesList())
                .as("in a cluster, where the port may be forwarded")
                .isEmpty();
    }
}
