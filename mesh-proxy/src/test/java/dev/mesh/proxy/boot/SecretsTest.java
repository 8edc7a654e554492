package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import dev.mesh.proxy.tls.Secrets;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Listeners and clusters that name secrets of SDS: a request goes from a plain listener by a cluster with mutual TLS
/// to a listener with mutual TLS, both with the secrets `default` and `ROOTCA`.
class SecretsTest {
    private static final String NAMES = "common_tls_context: {tls_certificate_sds_secret_configs: [{name: default,"
            + " sds_config: {ads: {}}}], combined_validation_context: {default_validation_context: {"
            + "match_typed_subject_alt_names: [{san_type: URI, matcher: {prefix: \"spiffe://mesh/\"}}]}, "
            + "validation_context_sds_secret_config: {name: ROOTCA, sds_config: {api_config_source: {api_type: GRPC, "
            + "grpc_services: [{envoy_grpc: {cluster_name: sds-grpc}}]}}}}";

    private static Loops loops;

    private final Changing secrets = new Changing();
    private Certificates certificates;
    private Path folder;
    private int inbound;
    private @Nullable ProxyProcess started;

    /// Secrets that the test changes.
    private static final class Changing implements Secrets {
        private final Map<String, Secret> secrets = new ConcurrentHashMap<>();

        @Override
        public boolean offers(String name) {
            return name.equals("default") || name.equals("ROOTCA");
        }

        @Override
        public @Nullable Secret find(String name) {
            return secrets.get(name);
        }

        @Override
        public List<String> names() {
            return List.of("default", "ROOTCA");
        }

        @Override
        public List<Secret> all() {
            return List.copyOf(secrets.values());
        }

        private void put(Secret.Builder secret) {
            secrets.put(secret.getName(), secret.build());
        }
    }

    @BeforeAll
    static void loops() {
        loops = new Loops(1);
    }

    @AfterAll
    static void closeLoops() {
        loops.close();
    }

    @BeforeEach
    void mesh(@TempDir Path folder) throws Exception {
        this.folder = folder;
        certificates = new Certificates(folder);
        try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            inbound = free.getLocalPort();
        }
    }

    @AfterEach
    void end() {
        if (started != null) {
            started.close();
        }
    }

    private static String socket(String type, String more) {
        return "transport_socket: {name: tls, typed_config: {\"@type\": "
                + "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3." + type + ", " + NAMES + "}" + more
                + "}}";
    }

    private ProxyProcess start() throws Exception {
        String bootstrap = """
                admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
                static_resources:
                  clusters:
                  - name: peer
                    type: STATIC
                    load_assignment: {cluster_name: peer, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: INBOUND}}}}]}]}
                    UPSTREAM
                  listeners:
                  - name: front
                    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
                    filter_chains:
                    - filters: [HCM1]
                  - name: inbound
                    address: {socket_address: {address: 127.0.0.1, port_value: INBOUND}}
                    filter_chains:
                    - filters: [HCM2]
                      DOWNSTREAM
                """.replace("INBOUND", "" + inbound)
                .replace("UPSTREAM", socket("UpstreamTlsContext", ""))
                .replace("DOWNSTREAM", socket("DownstreamTlsContext", ", require_client_certificate: true"))
                .replace("HCM1", hcm("route: {cluster: peer}"))
                .replace("HCM2", hcm("direct_response: {status: 200, body: {inline_string: \"hello\"}}"));
        var proxy = new ProxyProcess(
                BootstrapReader.parse("test", bootstrap),
                loops,
                new ProxyProcess.Access(secrets, null, CompletableFuture.completedFuture(null)),
                ProxyProcess.DRAIN_TIME);
        started = proxy;
        proxy.start();
        return proxy;
    }

    private static String hcm(String action) {
        return "{name: h, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.network"
                + ".http_connection_manager.v3.HttpConnectionManager, stat_prefix: h, http_filters: [{name: r,"
                + " typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}],"
                + " route_config: {virtual_hosts: [{name: a, domains: [\"*\"], routes: [{match: {prefix: /}, " + action
                + "}]}]}}}";
    }

    private X509Bundle identify(String workload) throws Exception {
        X509Bundle bundle = certificates.sign(
                workload, builder -> builder.addSanUriName(java.net.URI.create("spiffe://mesh/" + workload)));
        var secret = Secret.newBuilder().setName("default");
        secret.getTlsCertificateBuilder()
                .setCertificateChain(bytes(bundle.getCertificatePEM()))
                .setPrivateKey(bytes(bundle.getPrivateKeyPEM()));
        secrets.put(secret);
        return bundle;
    }

    private void trust() throws IOException {
        var secret = Secret.newBuilder().setName("ROOTCA");
        secret.getValidationContextBuilder().setTrustedCa(bytes(Files.readString(folder.resolve("ca.pem"))));
        secrets.put(secret);
    }

    private static DataSource bytes(String text) {
        return DataSource.newBuilder()
                .setInlineBytes(ByteString.copyFromUtf8(text))
                .build();
    }

    private static String ask(ProxyProcess proxy) throws IOException {
        int front = proxy.bound().getOrDefault("front", List.of()).getFirst().getPort();
        try (var peer = Peer.connect(front)) {
            return peer.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                    .readAll();
        }
    }

    private X509Certificate shown(X509Bundle client) throws Exception {
        try (var socket = certificates.connect(inbound, "", client)) {
            return (X509Certificate) socket.getSession().getPeerCertificates()[0];
        }
    }

    @Test
    void aRequestGoesByMutualTlsOnceTheSecretsAreThere() throws Exception {
        ProxyProcess proxy = start();
        assertThat(ask(proxy)).startsWith("HTTP/1.1 503");
        identify("one");
        assertThat(ask(proxy)).startsWith("HTTP/1.1 503");
        trust();
        assertThat(ask(proxy)).startsWith("HTTP/1.1 200").contains("hello");
        assertThat(proxy.adminHandlers().handle("GET", "/certs", Map.of()).body())
                .contains("spiffe://mesh/one");
        assertThat(proxy.adminHandlers().handle("GET", "/stats", Map.of()).body())
                .contains("cluster.peer.client_ssl_socket_factory.upstream_context_secrets_not_ready: 2");
    }

    @Test
    void newConnectionsShowTheNewCertificateAndOpenOnesStay() throws Exception {
        X509Bundle one = identify("one");
        trust();
        ProxyProcess proxy = start();
        assertThat(ask(proxy)).contains("hello");
        assertThat(shown(one)).isEqualTo(one.getCertificate());
        try (var old = new Peer(certificates.connect(inbound, "", one))) {
            X509Bundle two = identify("two");
            assertThat(shown(one)).isEqualTo(two.getCertificate());
            assertThat(ask(proxy)).contains("hello");
            old.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            assertThat(old.readAll()).contains("hello");
        }
    }

    @Test
    void aSecretThatIsNoGoodLeavesTheOldOneInPlace() throws Exception {
        X509Bundle one = identify("one");
        trust();
        ProxyProcess proxy = start();
        var broken = Secret.newBuilder().setName("default");
        broken.getTlsCertificateBuilder()
                .setCertificateChain(bytes("no certificate"))
                .setPrivateKey(bytes("no key"));

        secrets.put(broken);

        assertThat(shown(one)).isEqualTo(one.getCertificate());
        assertThat(ask(proxy)).contains("hello");
    }

    @Test
    void whoeverHasNoCertificateOfTheMeshIsRefused(@TempDir Path elsewhere) throws Exception {
        identify("one");
        trust();
        ProxyProcess proxy = start();
        X509Bundle stranger = new Certificates(elsewhere)
                .sign("x", builder -> builder.addSanUriName(java.net.URI.create("spiffe://mesh/x")));
        X509Bundle other = certificates.sign("other.example", "other.example");
        for (X509Bundle client : new X509Bundle[] {stranger, other, null}) {
            assertThatThrownBy(() -> {
                        try (var peer = new Peer(certificates.connect(inbound, "", client))) {
                            peer.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
                            assertThat(peer.readAll()).isNotEmpty();
                        }
                    })
                    .isInstanceOfAny(IOException.class, AssertionError.class);
        }
        await().untilAsserted(() -> assertThat(
                        proxy.adminHandlers().handle("GET", "/stats", Map.of()).body())
                .contains("ssl.connection_error: 2") // a client keeps back what the server says it does not trust
                .contains("ssl.fail_verify_san: 1"));
    }

    @Test
    void aSecretThatNobodyHasIsRefusedByName() {
        assertThatThrownBy(() -> {
                    try (var wrong = new ProxyProcess(BootstrapReader.parse("test", UNKNOWN), loops)) {
                        wrong.start();
                    }
                })
                .isInstanceOf(ConfigRejected.class)
                .hasMessageContaining("common_tls_context.tls_certificate_sds_secret_configs[0].name: no secret"
                        + " \"kubernetes://shop\" is to be had here (expected: file-root:PATH, file-cert:CHAIN~KEY)");
    }

    private static final String UNKNOWN = """
            static_resources:
              clusters:
              - name: a
                type: STATIC
                load_assignment: {cluster_name: a}
                transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: {tls_certificate_sds_secret_configs: [{name: "kubernetes://shop"}]}}}
            """;
}
