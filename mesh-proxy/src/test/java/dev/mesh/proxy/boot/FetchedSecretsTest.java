package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import dev.mesh.api.xds.XdsType;
import dev.mesh.proxy.io.Loops;
import io.envoyproxy.envoy.config.cluster.v3.Cluster;
import io.envoyproxy.envoy.config.core.v3.DataSource;
import io.envoyproxy.envoy.config.listener.v3.Listener;
import io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.Secret;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Secrets that the control plane gives by name (SDS over ADS): asked for when something names them, waited for, and
/// taken anew without anybody's connection being closed.
@SuppressWarnings("NullAway.Init") // set by JUnit, or by the first line of a test
class FetchedSecretsTest {
    private static final String NAME = "kubernetes://edge-cert";

    private static Loops loops;
    private static Certificates certificates;
    private static X509Bundle first;
    private static X509Bundle second;

    private FakeControlPlane plane;
    private DynamicProxy proxy;

    @BeforeAll
    static void sign(@TempDir Path folder) throws Exception {
        loops = new Loops(1);
        certificates = new Certificates(folder.resolve("fetched"));
        first = certificates.sign("first", "a.example");
        second = certificates.sign("second", "a.example");
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    @AfterEach
    void stop() throws IOException {
        proxy.close();
        plane.close();
    }

    private static Listener listener(String body) {
        return DynamicProxy.json("""
                name: front
                address: {socket_address: {address: 127.0.0.1, port_value: 0}}
                filter_chains:
                - transport_socket:
                    name: tls
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
                      common_tls_context:
                        tls_certificate_sds_secret_configs: [{name: "$name", sds_config: {ads: {}, resource_api_version: V3}}]
                  filters:
                  - name: h
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                      stat_prefix: s
                      http_filters: [{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
                      route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: "$body"}}}]}]}
                """.replace("$name", NAME).replace("$body", body), Listener.newBuilder())
                .build();
    }

    private static Secret secret(X509Bundle of) {
        return Secret.newBuilder()
                .setName(NAME)
                .setTlsCertificate(io.envoyproxy.envoy.extensions.transport_sockets.tls.v3.TlsCertificate.newBuilder()
                        .setCertificateChain(inline(of.getCertificatePathPEM()))
                        .setPrivateKey(inline(of.getPrivateKeyPEM())))
                .build();
    }

    private static DataSource inline(String pem) {
        return DataSource.newBuilder()
                .setInlineBytes(ByteString.copyFromUtf8(pem))
                .build();
    }

    private void start(String dialect) throws Exception {
        plane = new FakeControlPlane().put(XdsType.LISTENER, "front", listener("here"));
        plane.hold(XdsType.SECRET);
        proxy = new DynamicProxy(plane.port(), dialect, loops);
    }

    private SSLSocket connect() throws Exception {
        List<InetSocketAddress> bound = proxy.process().bound().getOrDefault("front", List.of());
        return certificates.connect(bound.getFirst().getPort(), "a.example", null, "http/1.1");
    }

    private String shown() throws Exception {
        try (var socket = connect()) {
            return ((X509Certificate) socket.getSession().getPeerCertificates()[0])
                    .getSubjectX500Principal()
                    .getName();
        }
    }

    private void give(X509Bundle of) {
        plane.put(XdsType.SECRET, NAME, secret(of));
        plane.release(XdsType.SECRET);
        plane.publish(XdsType.SECRET);
    }

    @ParameterizedTest
    @ValueSource(strings = {"DELTA_GRPC", "GRPC"})
    void aListenerWaitsForItsSecretAndShowsTheNextOneToWhoComesNext(String dialect) throws Exception {
        start(dialect);
        await().until(() -> plane.requests(XdsType.SECRET).stream()
                        .anyMatch(request -> request.getResourceNamesList().contains(NAME))
                || plane.deltaRequests(XdsType.SECRET).stream()
                        .anyMatch(request ->
                                request.getResourceNamesSubscribeList().contains(NAME)));
        assertThat(proxy.listens("front")).as("before its secret is there").isFalse();

        give(first);
        await().until(() -> proxy.listens("front"));
        var bound = proxy.process().bound().get("front");
        assertThat(shown()).isEqualTo("CN=first");
        try (var open = new Peer(connect())) {
            open.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
            assertThat(open.readHead()).startsWith("HTTP/1.1 200");
            assertThat(open.read(4)).isEqualTo("here");

            give(second);
            await().until(this::shown, "CN=second"::equals);

            open.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            assertThat(open.readAll()).as("who was there before").endsWith("here");
        }
        assertThat(proxy.process().bound().get("front")).isEqualTo(bound);
    }

    @Test
    void aSecretThatIsNoGoodIsRefusedWithoutItsKeyAndTheLastOneStays() throws Exception {
        start("DELTA_GRPC");
        give(first);
        await().until(() -> proxy.listens("front"));
        var mixed = secret(first).toBuilder();
        mixed.getTlsCertificateBuilder().setPrivateKey(inline(second.getPrivateKeyPEM()));
        plane.put(XdsType.SECRET, NAME, mixed.build()).publish(XdsType.SECRET);
        await().until(() -> plane.deltaRequests(XdsType.SECRET).stream()
                .anyMatch(request -> request.getErrorDetail().getMessage().contains(NAME)));
        assertThat(plane.deltaRequests(XdsType.SECRET)
                        .getLast()
                        .getErrorDetail()
                        .getMessage())
                .contains("the private key is not that of the certificate")
                .doesNotContain("BEGIN");
        assertThat(shown()).isEqualTo("CN=first");

        plane.remove(XdsType.SECRET, NAME).publish(XdsType.SECRET);
        plane.put(XdsType.LISTENER, "front", listener("there")).publish(XdsType.LISTENER);
        await().until(() -> {
            try (var peer = new Peer(connect())) {
                peer.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                return peer.readAll().endsWith("there");
            }
        });
        assertThat(shown()).as("of a secret that went").isEqualTo("CN=first");
        assertThat(proxy.process()
                        .adminHandlers()
                        .handle("GET", "/config_dump", Map.of())
                        .body())
                .contains(NAME, "[redacted]")
                .doesNotContain("PRIVATE KEY");
    }

    @Test
    void aListenerDoesNotWaitForWhatTheControlPlaneDoesNotHave() throws Exception {
        start("DELTA_GRPC");
        plane.release(XdsType.SECRET);
        await().until(() -> proxy.listens("front"));
        assertThatThrownBy(this::shown).as("nothing in its place").isInstanceOf(IOException.class);
        give(first);
        await().until(
                        () -> {
                            try {
                                return shown();
                            } catch (IOException e) {
                                return e.toString();
                            }
                        },
                        "CN=first"::equals);
    }

    @Test
    void aClusterVerifiesByASecret() throws Exception {
        start("DELTA_GRPC");
        plane.release(XdsType.SECRET);
        try (var server = certificates.listen(second, false)) {
            Thread.ofVirtual().start(() -> answerAll(server));
            plane.put(
                            XdsType.CLUSTER,
                            "up",
                            DynamicProxy.json("""
                            name: up
                            type: STATIC
                            load_assignment: {cluster_name: up, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $port}}}}]}]}
                            transport_socket:
                              name: tls
                              typed_config:
                                "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
                                sni: a.example
                                common_tls_context:
                                  combined_validation_context:
                                    default_validation_context: {match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: a.example}}]}
                                    validation_context_sds_secret_config: {name: "kubernetes://up-cacert", sds_config: {ads: {}}}
                            """.replace("$port", "" + server.getLocalPort()), Cluster.newBuilder())
                                    .build())
                    .put(XdsType.LISTENER, "plain", DynamicProxy.listener("plain", "routes"))
                    .put(XdsType.ROUTE, "routes", DynamicProxy.routes("routes", "up"))
                    .put(
                            XdsType.SECRET,
                            "kubernetes://up-cacert",
                            Secret.newBuilder()
                                    .setName("kubernetes://up-cacert")
                                    .setValidationContext(io.envoyproxy.envoy.extensions.transport_sockets.tls.v3
                                            .CertificateValidationContext.newBuilder()
                                            .setTrustedCa(
                                                    DataSource.newBuilder().setFilename(certificates.file("ca.pem"))))
                                    .build())
                    .publish(XdsType.CLUSTER);
            plane.publish(XdsType.LISTENER);
            await().untilAsserted(() -> assertThat(proxy.get("plain", "/")).endsWith("upstream"));
        }
    }

    private static void answerAll(javax.net.ssl.SSLServerSocket server) {
        while (true) {
            try (var peer = new Peer(server.accept())) {
                peer.readHead();
                peer.write("HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\nupstream");
            } catch (IOException e) {
                if (server.isClosed()) {
                    return;
                }
            }
        }
    }
}
