package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.agent.PodReader;
import dev.mesh.proxy.identity.SigningAuthority;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A proxy as it lives in a pod, with its pilot in the test's own process.
class PodProxyTest {
    private static final String URI_OF_CART = "spiffe://cluster.local/ns/shop/sa/cart";

    private SigningAuthority authority;
    private FakePilot pilot;
    private Path root;
    private Path token;
    private @Nullable PodProxy proxy;

    @BeforeEach
    void mesh(@TempDir Path folder) throws Exception {
        authority = new SigningAuthority(Clock.systemUTC());
        root = Files.writeString(folder.resolve("root-cert.pem"), authority.root());
        token = Files.writeString(folder.resolve("istio-token"), "first-token\n");
        pilot = new FakePilot(authority, "pilot.test.svc", 0);
        pilot.plane().put(XdsType.LISTENER, "web", DynamicProxy.listener("web", "routes"));
        pilot.plane().put(XdsType.ROUTE, "routes", DynamicProxy.routes("routes", "nowhere"));
    }

    @AfterEach
    void end() {
        if (proxy != null) {
            proxy.close();
        }
        pilot.close();
    }

    private PodProxy start(Map<String, String> more) throws Exception {
        var environment = new HashMap<>(Map.of(
                "POD_NAME", "cart-1",
                "POD_NAMESPACE", "shop",
                "INSTANCE_IP", "127.0.0.1",
                "SERVICE_ACCOUNT", "cart",
                "ISTIOD_SAN", "pilot.test.svc",
                "XDS_ROOT_CA", root.toString(),
                "CA_ROOT_CA", root.toString(),
                "MESH_TOKEN_FILE", token.toString(),
                "ENVOY_STATUS_PORT", "0",
                "ENVOY_PROMETHEUS_PORT", "0"));
        environment.put(
                "PROXY_CONFIG",
                "{\"discoveryAddress\": \"127.0.0.1:" + pilot.port()
                        + "\", \"statusPort\": 0, \"proxyAdminPort\": 0, \"concurrency\": 1,"
                        + " \"terminationDrainDuration\": \"0s\", \"interceptionMode\": \"NONE\"}");
        environment.putAll(more);
        var started = new PodProxy(
                PodReader.read(new PodReader.Arguments("sidecar", "", null, ""), environment, file -> null));
        proxy = started;
        started.start();
        return started;
    }

    private static void serves(PodProxy proxy) {
        await().until(() -> proxy.proxy().bound().containsKey("web"));
    }

    private static String admin(PodProxy proxy, String path) throws Exception {
        InetSocketAddress at = Objects.requireNonNull(proxy.proxy().adminAddress());
        try (var client = HttpClient.newHttpClient()) {
            return client.send(
                            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + at.getPort() + path))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString())
                    .body();
        }
    }

    @Test
    void getsItsCertificateByTokenAndItsConfigurationByCertificate() throws Exception {
        PodProxy running = start(Map.of());
        serves(running);

        FakePilot.Call signing = pilot.calls("CreateCertificate").getFirst();
        assertThat(signing.authorization()).isEqualTo("Bearer first-token");
        assertThat(signing.serial()).isNull();
        FakePilot.Call ads = pilot.calls("DeltaAggregatedResources").getFirst();
        assertThat(ads.names()).containsExactly(URI_OF_CART);
        assertThat(ads.authorization()).isEqualTo("Bearer first-token");
        var node = pilot.plane().deltaRequests(XdsType.CLUSTER).getFirst().getNode();
        assertThat(node.getId()).isEqualTo("sidecar~127.0.0.1~cart-1.shop~shop.svc.cluster.local");
        assertThat(node.getClientFeaturesList()).contains("mesh.push_commit");
        assertThat(admin(running, "/certs")).contains(URI_OF_CART).contains("days_until_expiration");
        assertThat(admin(running, "/config_dump")).doesNotContain("PRIVATE KEY");
    }

    @Test
    void aRenewedCertificateIsShownByNewConnectionsAndTheOldOnesStay() throws Exception {
        authority.validity(Duration.ofSeconds(124)); // 120 of them are over: renewed in a second or two
        PodProxy running = start(Map.of());
        serves(running);
        String before = pilot.calls("DeltaAggregatedResources").getFirst().serial();
        Files.writeString(token, "second-token");
        pilot.accept("second-token");
        authority.validity(Duration.ofHours(24));
        await().until(() -> pilot.calls("CreateCertificate").stream()
                .anyMatch(call -> call.authorization().equals("Bearer second-token")));
        assertThat(pilot.plane().streams()).isEqualTo(1);
        int port = pilot.port();
        pilot.close();
        pilot = new FakePilot(authority, "pilot.test.svc", port);
        pilot.accept("second-token");
        pilot.plane().put(XdsType.LISTENER, "web", DynamicProxy.listener("web", "routes"));
        pilot.plane().put(XdsType.ROUTE, "routes", DynamicProxy.routes("routes", "nowhere"));

        await().atMost(Duration.ofSeconds(20))
                .until(() -> !pilot.calls("DeltaAggregatedResources").isEmpty());

        FakePilot.Call ads = pilot.calls("DeltaAggregatedResources").getFirst();
        assertThat(ads.names()).containsExactly(URI_OF_CART);
        assertThat(ads.serial()).isNotEqualTo(before);
        assertThat(running.proxy().bound()).containsKey("web");
    }

    @Test
    void aRefusedTokenIsReadAgainAndSaid() throws Exception {
        pilot.accept("rotated");
        PodProxy running = start(Map.of());
        await().until(() -> running.problem().contains("refused the pod's token"));
        assertThat(running.problem())
                .isEqualTo("no certificate yet: the certificate authority at 127.0.0.1:" + pilot.port()
                        + " refused the pod's token: the token is not that of this pod");
        Files.writeString(token, "rotated");
        serves(running);
        assertThat(running.problem()).isEmpty();
    }

    @Test
    void aMissingTokenIsSaid() throws Exception {
        Files.delete(token);
        PodProxy running = start(Map.of());
        await().until(() -> running.problem().contains("no token: " + token + " does not exist"));
        Files.writeString(token, "first-token");
        serves(running);
    }

    @Test
    void aWrongRootIsSaidAndReadAgain() throws Exception {
        Files.writeString(root, new SigningAuthority(Clock.systemUTC()).root());
        PodProxy running = start(Map.of());
        await().until(() -> running.problem().contains("is not trusted: its certificate is not signed by"));
        assertThat(running.problem()).contains(root.toString());
        Files.writeString(root, authority.root());
        serves(running);
    }

    @Test
    void aMissingRootIsSaid() throws Exception {
        Files.delete(root);
        PodProxy running = start(Map.of());
        await().until(() -> running.problem().contains(root + " cannot be read"));
        Files.writeString(root, authority.root());
        serves(running);
    }

    @Test
    void anotherNameIsRefused() throws Exception {
        PodProxy running = start(Map.of("ISTIOD_SAN", "other.test.svc"));
        await().until(() -> running.problem().contains("shows a certificate for another name"));
        assertThat(running.problem()).contains("pilot.test.svc");
        assertThat(pilot.calls("CreateCertificate")).isEmpty();
    }

    @Test
    void aPilotThatComesLaterIsFound() throws Exception {
        int port;
        try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        pilot.close();
        PodProxy running = start(Map.of(
                "PROXY_CONFIG",
                "{\"discoveryAddress\": \"127.0.0.1:" + port
                        + "\", \"statusPort\": 0, \"proxyAdminPort\": 0, \"interceptionMode\": \"NONE\"}"));
        await().until(() -> running.problem().contains("cannot reach"));
        assertThat(running.problem()).contains("127.0.0.1:" + port).contains("Connection refused");
        pilot = new FakePilot(authority, "pilot.test.svc", port);
        pilot.plane().put(XdsType.LISTENER, "web", DynamicProxy.listener("web", "routes"));
        pilot.plane().put(XdsType.ROUTE, "routes", DynamicProxy.routes("routes", "nowhere"));
        serves(running);
    }
}
