package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.admin.AdminHandlers;
import dev.mesh.proxy.agent.AgentCommand;
import dev.mesh.proxy.agent.PodEndpoints;
import dev.mesh.proxy.agent.PodReader;
import dev.mesh.proxy.dns.JdkClient;
import dev.mesh.proxy.identity.SigningAuthority;
import io.envoyproxy.envoy.config.core.v3.TrafficDirection;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.netty.pkitesting.X509Bundle;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.SSLContext;
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
        pilot.plane().put(XdsType.LISTENER, "web", inbound());
        pilot.plane().put(XdsType.ROUTE, "routes", DynamicProxy.routes("routes", "nowhere"));
    }

    @AfterEach
    void end() {
        if (proxy != null) {
            proxy.close();
        }
        pilot.close();
    }

    private static Listener inbound() {
        return DynamicProxy.listener("web", "routes").toBuilder()
                .setTrafficDirection(TrafficDirection.INBOUND)
                .build();
    }

    private PodProxy start(Map<String, String> more) throws Exception {
        return start("sidecar", more);
    }

    private PodProxy start(String role, Map<String, String> more) throws Exception {
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
                PodReader.read(new PodReader.Arguments(role, "", null, ""), environment, PodProxyTest::file));
        proxy = started;
        started.start();
        return started;
    }

    private static @Nullable String file(Path file) {
        return file.equals(Path.of("/etc/resolv.conf"))
                ? "search shop.svc.cluster.local\nnameserver 127.0.0.1\n"
                : null;
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
        String shown = admin(running, "/certs");
        Files.writeString(token, "second-token");
        pilot.accept("second-token");
        authority.validity(Duration.ofHours(24));
        await().until(() -> pilot.calls("CreateCertificate").stream()
                .anyMatch(call -> call.authorization().equals("Bearer second-token")));
        await().until(() -> !admin(running, "/certs").equals(shown));
        assertThat(pilot.plane().streams()).isEqualTo(1);
        int port = pilot.port();
        pilot.close();
        pilot = new FakePilot(authority, "pilot.test.svc", port);
        pilot.accept("second-token");
        pilot.plane().put(XdsType.LISTENER, "web", inbound());
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

    private static HttpResponse<String> ask(int port, String method, String path) throws Exception {
        try (var client = HttpClient.newHttpClient()) {
            return client.send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                            .method(method, HttpRequest.BodyPublishers.noBody())
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
        }
    }

    private static PodEndpoints endpoints(PodProxy proxy) {
        return Objects.requireNonNull(proxy.endpoints());
    }

    private static Peer connect(PodProxy proxy) throws Exception {
        return Peer.connect(
                proxy.proxy().bound().getOrDefault("web", List.of()).getFirst().getPort());
    }

    private static int command(PodProxy proxy, ByteArrayOutputStream said, String... args) {
        return AgentCommand.run(
                args[0],
                List.of(args).subList(1, args.length),
                Map.of(
                        "ENVOY_STATUS_PORT",
                        "" + endpoints(proxy).healthPort(),
                        "PROXY_CONFIG",
                        "{\"statusPort\": " + endpoints(proxy).statusPort() + "}"),
                new PrintStream(said, true, StandardCharsets.UTF_8),
                new PrintStream(said, true, StandardCharsets.UTF_8));
    }

    @Test
    void isReadyWhenItServesAndNoMoreWhenItDrains() throws Exception {
        pilot.accept("rotated");
        PodProxy running = start(Map.of());
        int health = endpoints(running).healthPort();
        await().until(() -> ask(health, "GET", "/healthz/ready").body().contains("refused the pod's token"));
        assertThat(ask(health, "GET", "/healthz/ready").statusCode()).isEqualTo(503);
        var said = new ByteArrayOutputStream();
        assertThat(command(running, said, "wait", "--timeout=0")).isEqualTo(1);
        assertThat(said.toString(StandardCharsets.UTF_8))
                .startsWith("mesh-proxy wait: the proxy is not ready after 0 s: no certificate yet: ");

        Files.writeString(token, "rotated");

        assertThat(command(running, said, "wait", "--timeoutSeconds", "60", "--periodMillis", "20"))
                .isZero();
        int status = endpoints(running).statusPort();
        assertThat(ask(status, "GET", "/healthz/ready").statusCode()).isEqualTo(200);
        assertThat(ask(status, "GET", "/drain").statusCode()).isEqualTo(405);
        try (Peer client = connect(running)) {
            assertThat(client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").readHead())
                    .doesNotContain("connection: close");
        }
        assertThat(command(running, said, "drain")).isZero();
        assertThat(ask(health, "GET", "/healthz/ready").statusCode()).isEqualTo(503);
        assertThat(ask(health, "GET", "/healthz/ready").body()).isEqualTo("draining\n");
        try (Peer client = connect(running)) {
            assertThat(client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").readHead())
                    .contains("connection: close");
        }
    }

    @Test
    void aSidecarIsNotReadyWithoutTheListenersOfInterceptedTraffic() throws Exception {
        PodProxy running = start(Map.of("ISTIO_META_INTERCEPTION_MODE", "REDIRECT"));
        serves(running);
        await().until(() -> running.unready().startsWith("nothing listens on port 15001"));
    }

    @Test
    void whatWasReadyStaysSoWithoutItsPilot() throws Exception {
        PodProxy running = start(Map.of());
        await().until(() -> running.unready().isEmpty());
        pilot.close();
        await().until(() -> running.proxy().controlPlaneProblem().contains("Connection refused"));
        assertThat(running.unready()).isEmpty();
        assertThat(running.proxy().bound()).containsKey("web");
    }

    @Test
    void answersForTheMeshOnceItHasItsNamesAndForEverAfter() throws Exception {
        var captured = Map.of("ISTIO_META_DNS_CAPTURE", "true", "DNS_PROXY_ADDR", "127.0.0.1:0");
        PodProxy running = start(captured);
        serves(running);
        int status = endpoints(running).statusPort();
        assertThat(running.unready())
                .isEqualTo("no names yet: the control plane has sent no table of names for DNS" + " questions");
        assertThat(ask(status, "GET", "/debug/ndsz").statusCode()).isEqualTo(404);
        assertThat(running.proxy()
                        .adminHandlers()
                        .handle("GET", "/debug/ndsz", Map.of())
                        .body())
                .contains("no names: this proxy answers no DNS questions", "ISTIO_META_DNS_CAPTURE=true");
        pilot.plane().put(XdsType.NAME_TABLE, "names", names("10.96.0.1"));
        pilot.plane().publish(XdsType.NAME_TABLE);
        await().until(() -> running.unready().isEmpty());
        assertThat(resolve(running)).isEqualTo("10.96.0.1");
        assertThat(ask(status, "GET", "/debug/ndsz").body()).contains("\"cart.shop.svc.cluster.local\"", "10.96.0.1");
        var admin = running.proxy().adminHandlers();
        assertThat(admin.handle("GET", "/debug/ndsz", Map.of()).body())
                .isEqualTo(ask(status, "GET", "/debug/ndsz").body());
        for (String name : List.of("cart.shop.svc.cluster.local", "cart.shop", "Cart")) {
            assertThat(admin.handle("GET", "/explain", Map.of("url", "tcp://" + name + ":80"))
                            .body())
                    .contains("\"stage\":\"name\"", "the proxy answers 10.96.0.1");
        }
        assertThat(ask(status, "GET", "/stats/prometheus").body())
                .contains("istio_agent_dns_requests_total 1\n", "istio_agent_dns_names 4\n");

        pilot.close();
        await().until(() -> running.proxy().controlPlaneProblem().contains("Connection refused"));
        assertThat(resolve(running)).isEqualTo("10.96.0.1");
        assertThat(running.unready()).isEmpty();
    }

    /// A name whose listener is not there yet would lead nowhere.
    @Test
    void namesCountWhenThePushTheyBelongToIsInEffect() throws Exception {
        pilot.plane().put(XdsType.NAME_TABLE, "names", names("10.96.0.1"));
        pilot.plane().begin("one");
        PodProxy running = start(Map.of("ISTIO_META_DNS_CAPTURE", "true", "DNS_PROXY_ADDR", "127.0.0.1:0"));
        await().until(() -> running.unready().isEmpty());
        await().until(() -> running.proxy().adminHandlers() != null
                && running.proxy().loader().pushInEffect().equals("one"));
        pilot.plane().begin("two");
        pilot.plane().put(XdsType.NAME_TABLE, "names", names("10.96.0.2"));
        int heard = pilot.plane().deltaRequests(XdsType.NAME_TABLE).size();
        pilot.plane().publish(XdsType.NAME_TABLE);
        await().until(() -> pilot.plane().deltaRequests(XdsType.NAME_TABLE).size() > heard);
        assertThat(resolve(running)).isEqualTo("10.96.0.1");
        pilot.plane().commit();
        await().until(() -> resolve(running).equals("10.96.0.2"));
    }

    @Test
    void withoutCaptureNamesAreNotAskedFor() throws Exception {
        pilot.plane().put(XdsType.NAME_TABLE, "names", names("10.96.0.1"));
        PodProxy running = start(Map.of());
        await().until(() -> running.unready().isEmpty());
        assertThat(running.dns()).isNull();
        assertThat(pilot.plane().deltaRequests(XdsType.NAME_TABLE)).isEmpty();
    }

    private static NameTable names(String address) {
        return NameTable.newBuilder()
                .putTable(
                        "cart.shop.svc.cluster.local",
                        NameTable.NameInfo.newBuilder()
                                .setRegistry("Kubernetes")
                                .setShortname("cart")
                                .setNamespace("shop")
                                .addIps(address)
                                .build())
                .build();
    }

    private static String resolve(PodProxy proxy) throws Exception {
        return JdkClient.ask(Objects.requireNonNull(proxy.dns()).port(), "cart", "A")
                .getFirst();
    }

    @Test
    void aFailedHealthCheckTellsConnectionsToEndUntilItIsTakenBack() throws Exception {
        PodProxy running = start(Map.of());
        await().until(() -> running.unready().isEmpty());
        AdminHandlers admin = running.admin();
        assertThat(admin.handle("POST", "/healthcheck/fail", Map.of()).status()).isEqualTo(200);
        assertThat(running.unready()).contains("/healthcheck/fail");
        assertThat(admin.handle("GET", "/ready", Map.of()).status()).isEqualTo(503);
        try (Peer client = connect(running)) {
            assertThat(client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").readHead())
                    .contains("connection: close");
        }
        assertThat(admin.handle("POST", "/healthcheck/ok", Map.of()).status()).isEqualTo(200);
        assertThat(running.unready()).isEmpty();
        try (Peer client = connect(running)) {
            assertThat(client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").readHead())
                    .doesNotContain("connection: close");
        }
    }

    @Test
    void aGracefulDrainClosesListenersAtItsEndUnlessToldNotTo() throws Exception {
        PodProxy running = start(Map.of(
                "PROXY_CONFIG",
                "{\"discoveryAddress\": \"127.0.0.1:" + pilot.port()
                        + "\", \"statusPort\": 0, \"proxyAdminPort\": 0, \"interceptionMode\": \"NONE\","
                        + " \"drainDuration\": \"0.1s\", \"terminationDrainDuration\": \"0s\"}"));
        serves(running);
        AdminHandlers admin = running.admin();
        assertThat(admin.handle("POST", "/drain_listeners", Map.of("skip_exit", ""))
                        .body())
                .contains("skip_exit requires graceful");
        assertThat(admin.handle("POST", "/drain_listeners", Map.of("graceful", ""))
                        .status())
                .isEqualTo(200);
        await().until(() ->
                running.proxy().bound().getOrDefault("web", List.of()).isEmpty());
    }

    @Test
    void endsWhenTheLastConnectionHasEndedIfToldSo() throws Exception {
        PodProxy running = start(Map.of("EXIT_ON_ZERO_ACTIVE_CONNECTIONS", "true", "MINIMUM_DRAIN_DURATION", "0s"));
        await().until(() -> running.unready().isEmpty());
        CompletableFuture<Void> end;
        try (Peer client = connect(running)) {
            await().until(() -> running.proxy().connections() == 1);
            end = CompletableFuture.runAsync(running::end);
            await().until(() -> running.unready().equals("draining"));
            // It is told to go after its next request, and serves that one.
            assertThat(client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").readHead())
                    .contains("connection: close");
        }
        assertThat(end).succeedsWithin(Duration.ofSeconds(30));
        assertThat(running.proxy().connections()).isZero();
    }

    @Test
    void aRouterHasItsTimeToDrainThoughItDrainedBeforeItsEnd() throws Exception {
        PodProxy running =
                start("router", Map.of("EXIT_ON_ZERO_ACTIVE_CONNECTIONS", "true", "MINIMUM_DRAIN_DURATION", "0s"));
        await().until(() -> running.unready().isEmpty());
        running.drain();
        CompletableFuture<Void> end;
        try (Peer client = connect(running)) {
            await().until(() -> running.proxy().connections() == 1);
            end = CompletableFuture.runAsync(running::end);
            for (int request = 0; request < 3; request++) {
                try (Peer another = connect(running)) {
                    assertThat(another.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
                                    .readHead())
                            .contains("connection: close");
                }
            }
            assertThat(end).isNotDone();
            assertThat(client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").readHead())
                    .contains("connection: close");
        }
        assertThat(end).succeedsWithin(Duration.ofSeconds(30));
    }

    @Test
    void quitsForWhoeverIsInThePod() throws Exception {
        PodProxy running = start(Map.of());
        int status = endpoints(running).statusPort();
        assertThat(ask(status, "GET", "/quitquitquit").statusCode()).isEqualTo(405);
        assertThat(running.asked()).isNotDone();
        assertThat(ask(status, "POST", "/quitquitquit").statusCode()).isEqualTo(200);
        assertThat(running.asked()).succeedsWithin(Duration.ofSeconds(30));
    }

    @Test
    void metricsOfThePodAreOneText() throws Exception {
        var app = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 8);
        app.createContext("/metrics", exchange -> {
            exchange.sendResponseHeaders(200, 0); // in chunks
            exchange.getResponseBody()
                    .write("# TYPE carts gauge\ncarts 7\nno_newline 1".getBytes(StandardCharsets.UTF_8));
            exchange.close();
        });
        app.start();
        try {
            PodProxy running = start(Map.of(
                    "ISTIO_PROMETHEUS_ANNOTATIONS",
                    "{\"scrape\": \"true\", \"port\": \"" + app.getAddress().getPort() + "\"}"));
            await().until(() -> running.unready().isEmpty());
            String merged = ask(endpoints(running).statusPort(), "GET", "/stats/prometheus")
                    .body();
            assertThat(merged)
                    .contains("carts 7\nno_newline 1\n")
                    .contains("envoy_listener_manager_total_listeners_active{} 1\n")
                    .contains("istio_agent_cert_expiry_seconds{resource_name=\"default\"} 8")
                    .contains("istio_agent_scrape_failures_total{type=\"application\"} 0\n");
            String own = ask(endpoints(running).prometheusPort(), "GET", "/stats/prometheus")
                    .body();
            assertThat(own).contains("envoy_listener_manager").doesNotContain("carts");
            app.stop(0);
            assertThat(ask(endpoints(running).statusPort(), "GET", "/stats/prometheus")
                            .body())
                    .contains("envoy_listener_manager_total_listeners_active{} 1\n")
                    .contains("istio_agent_scrape_failures_total{type=\"application\"} 1\n");
        } finally {
            app.stop(0);
        }
    }

    @Test
    void probesAskTheApplication() throws Exception {
        var app = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 8);
        app.createContext("/health", exchange -> {
            boolean right = "yes".equals(exchange.getRequestHeaders().getFirst("x-probe"))
                    && "shop.example".equals(exchange.getRequestHeaders().getFirst("host"))
                    && exchange.getRequestHeaders().getFirst("user-agent").startsWith("Java-http-client");
            exchange.sendResponseHeaders(right ? 204 : 418, -1);
            exchange.close();
        });
        app.start();
        X509Bundle own = authority.server("nobody.knows.it");
        var ssl = SSLContext.getInstance("TLS");
        ssl.init(own.toKeyManagerFactory().getKeyManagers(), null, null);
        var secure = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 8);
        secure.setHttpsConfigurator(new HttpsConfigurator(ssl));
        secure.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        secure.start();
        var grpc = new HealthService();
        try (var silent = new ServerSocket(0, 8, InetAddress.getLoopbackAddress())) {
            int port = app.getAddress().getPort();
            PodProxy running = start(Map.of("ISTIO_KUBE_APP_PROBERS", """
                    {"/app-health/a/livez": {"httpGet": {"path": "/health", "port": PORT, "httpHeaders": [
                       {"name": "X-Probe", "value": "yes"}, {"name": "Host", "value": "shop.example"}]}, "timeoutSeconds": 20},
                     "/app-health/a/readyz": {"httpGet": {"path": "/other", "port": PORT, "host": "127.0.0.1"}, "timeoutSeconds": 20},
                     "/app-health/a/startupz": {"httpGet": {"port": SECURE, "scheme": "HTTPS"}, "timeoutSeconds": 20},
                     "/app-health/b/livez": {"tcpSocket": {"port": PORT}, "timeoutSeconds": 20},
                     "/app-health/b/readyz": {"grpc": {"port": GRPC, "service": "cart"}, "timeoutSeconds": 20},
                     "/app-health/b/startupz": {"grpc": {"port": GRPC}, "timeoutSeconds": 20},
                     "/app-health/c/livez": {"tcpSocket": {"port": 1}},
                     "/app-health/c/readyz": {"httpGet": {"port": SILENT}}}
                    """.replace("PORT", "" + port)
                    .replace("SECURE", "" + secure.getAddress().getPort())
                    .replace("GRPC", "" + grpc.port())
                    .replace("SILENT", "" + silent.getLocalPort())));
            int status = endpoints(running).statusPort();
            assertThat(ask(status, "GET", "/app-health/a/livez").statusCode()).isEqualTo(204);
            assertThat(ask(status, "GET", "/app-health/a/readyz").statusCode()).isEqualTo(404);
            assertThat(ask(status, "GET", "/app-health/a/startupz").statusCode())
                    .isEqualTo(200);
            assertThat(ask(status, "GET", "/app-health/b/livez").statusCode()).isEqualTo(200);
            assertThat(ask(status, "GET", "/app-health/b/readyz").statusCode()).isEqualTo(200);
            assertThat(ask(status, "GET", "/app-health/b/startupz").body())
                    .isEqualTo("the application says NOT_SERVING\n");
            assertThat(ask(status, "GET", "/app-health/c/livez").statusCode()).isEqualTo(500);
            assertThat(ask(status, "GET", "/app-health/c/livez").body()).contains("Connection refused");
            assertThat(ask(status, "GET", "/app-health/c/readyz").body()).contains("no answer within 1000 ms");
            assertThat(ask(status, "GET", "/app-health/d/livez").statusCode()).isEqualTo(404);
        } finally {
            app.stop(0);
            secure.stop(0);
            grpc.close();
        }
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
        pilot.plane().put(XdsType.LISTENER, "web", inbound());
        pilot.plane().put(XdsType.ROUTE, "routes", DynamicProxy.routes("routes", "nowhere"));
        serves(running);
    }
}
