package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.mesh.api.decide.compile.EnvoyTypes;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import io.envoyproxy.envoy.admin.v3.Certificates;
import io.envoyproxy.envoy.admin.v3.Clusters;
import io.envoyproxy.envoy.admin.v3.ConfigDump;
import io.envoyproxy.envoy.admin.v3.Listeners;
import io.envoyproxy.envoy.admin.v3.Memory;
import io.envoyproxy.envoy.admin.v3.RoutesConfigDump;
import io.envoyproxy.envoy.admin.v3.ServerInfo;
import io.envoyproxy.envoy.admin.v3.UnreadyTargetsDumps;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The admin endpoint as tools made for Envoy use it: the answers are read by Envoy's own messages, strictly.
class AdminTest {
    private static final String BOOTSTRAP = """
            node: {id: "sidecar~1.2.3.4~web.shop~shop.svc.cluster.local", cluster: web.shop, metadata: {NAMESPACE: shop}}
            admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
            static_resources:
              listeners:
              - name: web
                address: {socket_address: {address: 127.0.0.1, port_value: 0}}
                traffic_direction: OUTBOUND
                filter_chains:
                - filters:
                  - name: http
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                      stat_prefix: web
                      http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
                      route_config: {name: routes, virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 201}}]}]}
              clusters:
              - name: app
                type: STATIC
                circuit_breakers: {thresholds: [{priority: HIGH, max_requests: 7}]}
                load_assignment: {cluster_name: app, endpoints: [{locality: {region: r, zone: z}, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 9}}}}]}]}
              - name: other
                type: STATIC
                load_assignment: {cluster_name: other}
            """;

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private Loops loops;
    private ProxyProcess proxy;

    @BeforeEach
    void start() throws ConfigRejected {
        loops = new Loops(1);
        proxy = new ProxyProcess(BootstrapReader.parse("bootstrap", BOOTSTRAP), loops);
        proxy.start();
    }

    @AfterEach
    void stop() {
        proxy.close();
        loops.close();
        http.close();
    }

    private HttpResponse<String> ask(String method, String path) throws IOException, InterruptedException {
        var address = proxy.adminAddress();
        assertThat(address).isNotNull();
        return http.send(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + address.getPort() + path))
                        .method(method, HttpRequest.BodyPublishers.noBody())
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    private String get(String path) throws IOException, InterruptedException {
        return ask("GET", path).body();
    }

    private <B extends Message.Builder> B read(String path, B into) throws IOException, InterruptedException {
        JsonFormat.parser().usingTypeRegistry(EnvoyTypes.REGISTRY).merge(get(path), into);
        return into;
    }

    @Test
    void whatToolsParseIsEnvoysForm() throws Exception {
        var info = read("/server_info", ServerInfo.newBuilder());
        assertThat(info.getState()).isEqualTo(ServerInfo.State.LIVE);
        assertThat(info.getNode().getMetadata().getFieldsOrThrow("NAMESPACE").getStringValue())
                .isEqualTo("shop");
        var clusters = read("/clusters?format=json", Clusters.newBuilder());
        assertThat(clusters.getClusterStatuses(0)
                        .getHostStatuses(0)
                        .getLocality()
                        .getRegion())
                .isEqualTo("r");
        assertThat(clusters.getClusterStatuses(0)
                        .getCircuitBreakers()
                        .getThresholds(1)
                        .getMaxRequests()
                        .getValue())
                .isEqualTo(7);
        var listeners = read("/listeners?format=json", Listeners.newBuilder());
        assertThat(listeners.getListenerStatuses(0).getName()).isEqualTo("web");
        var memory = read("/memory", Memory.newBuilder());
        assertThat(memory.getAllocated()).isPositive();
        var certificates = read("/certs", Certificates.newBuilder());
        assertThat(certificates.getCertificatesList()).isEmpty();
        var waiting = read("/init_dump", UnreadyTargetsDumps.newBuilder());
        assertThat(waiting.getUnreadyTargetsDumpsList()).isEmpty();
    }

    @Test
    void aDumpHasEnvoysSections() throws Exception {
        var dump = read("/config_dump?include_eds", ConfigDump.newBuilder());

        assertThat(dump.getConfigsList())
                .extracting(any -> any.getTypeUrl().substring(any.getTypeUrl().lastIndexOf('.') + 1))
                .containsExactly(
                        "BootstrapConfigDump",
                        "ClustersConfigDump",
                        "EndpointsConfigDump",
                        "ListenersConfigDump",
                        "ScopedRoutesConfigDump",
                        "RoutesConfigDump",
                        "SecretsConfigDump");
        var routes = dump.getConfigs(5).unpack(RoutesConfigDump.class);
        assertThat(routes.getStaticRouteConfigsCount()).isOne();
    }

    @Test
    void aDumpIsNarrowedByResourceMaskAndName() throws Exception {
        assertThat(get("/config_dump?resource=static_clusters&name_regex=ap."))
                .contains("\"app\"")
                .doesNotContain("other");
        assertThat(get("/config_dump?resource=static_clusters&mask=cluster.name,cluster.type"))
                .contains("\"app\"", "\"STATIC\"")
                .doesNotContain("load_assignment", "last_updated");
        assertThat(get("/config_dump?mask=bootstrap")).contains("node").doesNotContain("\"static_clusters\"");
        assertThat(get("/config_dump?name_regex=nothing")).doesNotContain("\"static_clusters\"");
        assertThat(JsonParser.parseString(get("/config_dump?resource=dynamic_listeners"))
                        .getAsJsonObject()
                        .isEmpty())
                .isTrue();
        assertThat(ask("GET", "/config_dump?resource=nope").statusCode()).isEqualTo(404);
        assertThat(get("/config_dump?resource=bootstrap")).startsWith("bootstrap is not a repeated field.");
        assertThat(ask("GET", "/config_dump?resource=static_clusters&mask=nope").statusCode())
                .isEqualTo(400);
        assertThat(ask("GET", "/config_dump?resource=static_clusters&mask=cluster.nope")
                        .statusCode())
                .isEqualTo(400);
        assertThat(get("/config_dump?name_regex=(")).startsWith("Error while parsing name_regex: missing closing )");
    }

    @Test
    void clustersAreTextThatToolsCut() throws Exception {
        assertThat(get("/clusters?filter=%5Eapp%24"))
                .contains(
                        "app::observability_name::app\n",
                        "app::default_priority::max_connections::1024\n",
                        "app::high_priority::max_requests::7\n",
                        "app::added_via_api::false\n",
                        "app::127.0.0.1:9::cx_active::0\n",
                        "app::127.0.0.1:9::health_flags::healthy\n",
                        "app::127.0.0.1:9::region::r\n",
                        "app::127.0.0.1:9::canary::false\napp::127.0.0.1:9::priority::0\n",
                        "app::127.0.0.1:9::success_rate::-1\n")
                .doesNotContain("other");
        assertThat(ask("GET", "/clusters?filter=(").statusCode()).isEqualTo(400);
    }

    @Test
    void statisticsHaveFormsTypesAndFilters() throws Exception {
        assertThat(get("/stats?type=Gauges&filter=membership_healthy")).isEqualTo("""
                cluster.app.membership_healthy: 1
                cluster.other.membership_healthy: 0
                """);
        assertThat(get("/stats?usedonly&type=Histograms")).isEmpty();
        var histograms = JsonParser.parseString(get("/stats?format=json&type=Histograms"))
                .getAsJsonObject()
                .getAsJsonArray("stats")
                .get(0)
                .getAsJsonObject()
                .getAsJsonObject("histograms");
        assertThat(histograms.getAsJsonArray("supported_quantiles")).hasSize(10);
        assertThat(histograms.getAsJsonArray("computed_quantiles")).isNotEmpty();
        for (String bad : new String[] {"format=x", "type=x", "filter=("}) {
            assertThat(ask("GET", "/stats?" + bad).statusCode()).as(bad).isEqualTo(400);
        }
    }

    @Test
    void changesNeedPostAndOnlyWhatIsRightIsDone() throws Exception {
        for (String path : new String[] {
            "/logging", "/drain_listeners", "/reset_counters", "/quitquitquit", "/healthcheck/fail", "/healthcheck/ok"
        }) {
            var answer = ask("GET", path);
            assertThat(answer.statusCode()).as(path).isEqualTo(405);
            assertThat(answer.body()).isEqualTo("Method GET not allowed, POST required.");
        }
        assertThat(ask("POST", "/logging?level=nope").body())
                .contains("unknown logger level \"nope\"", "usage: /logging");
        assertThat(ask("POST", "/logging?paths=dev.mesh.test:debug,dev.mesh.other")
                        .statusCode())
                .isEqualTo(400);
        assertThat(ask("POST", "/logging?paths=dev.mesh.test:debug").body())
                .startsWith("active loggers:\n")
                .contains("  dev.mesh.test: debug\n");
        assertThat(ask("POST", "/healthcheck/fail").body()).isEqualTo("OK\n");
        assertThat(ask("GET", "/ready").statusCode()).isEqualTo(503);
        assertThat(get("/ready")).isEqualTo("DRAINING\n");
        assertThat(ask("POST", "/healthcheck/ok").body()).isEqualTo("OK\n");
        assertThat(get("/ready")).isEqualTo("LIVE\n");
        assertThat(get("/nope")).startsWith("invalid path. admin commands are:\n  /: admin home page\n");
        assertThat(get("/"))
                .contains("<form method=\"post\" action=\"quitquitquit\">", "<a href=\"stats/prometheus\">");
    }

    @Test
    void listenersDrainAsAsked() throws Exception {
        var port = proxy.bound().values().iterator().next().getFirst().getPort();
        var web = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/"))
                .build();
        ask("POST", "/drain_listeners?inboundonly");
        assertThat(http.send(web, HttpResponse.BodyHandlers.ofString())
                        .headers()
                        .firstValue("connection"))
                .isEmpty();
        ask("POST", "/drain_listeners?graceful");
        assertThat(http.send(web, HttpResponse.BodyHandlers.ofString()).statusCode())
                .isEqualTo(201);
        ask("POST", "/drain_listeners");
        org.awaitility.Awaitility.await().until(() -> {
            try {
                http.send(web, HttpResponse.BodyHandlers.ofString());
                return false;
            } catch (IOException e) {
                return true;
            }
        });
        ask("POST", "/quitquitquit");
        assertThat(proxy.quit()).isDone();
    }

    @Test
    void privateKeysAreNoPartOfADump() throws Exception {
        var secret = io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsCertificate.newBuilder();
        secret.getPrivateKeyBuilder().setInlineString("-----BEGIN PRIVATE KEY-----");
        secret.getCertificateChainBuilder().setInlineString("public");
        var context = io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext.newBuilder();
        context.getCommonTlsContextBuilder().addTlsCertificates(secret);
        var bootstrap = BootstrapReader.parse("bootstrap", BOOTSTRAP).toBuilder();
        bootstrap
                .getStaticResourcesBuilder()
                .getClustersBuilder(1)
                .getTransportSocketBuilder()
                .setName("envoy.transport_sockets.tls")
                .setTypedConfig(com.google.protobuf.Any.pack(context.build()));
        try (var other = new Loops(1);
                var unstarted = new ProxyProcess(bootstrap.build(), other)) {
            String dump = unstarted
                    .adminHandlers()
                    .handle("GET", "/config_dump", java.util.Map.of())
                    .body();

            assertThat(dump).contains("[redacted]", "public").doesNotContain("PRIVATE KEY");
        }
    }
}
