package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Filter chains by what a client asks for, certificates of several hosts, and TLS that is passed on.
@NullUnmarked
@Timeout(60)
class TlsListenerTest {
    @TempDir
    private static Path work;

    private static Loops loops;
    private static Certificates certificates;
    private static X509Bundle client;
    private static X509Bundle stranger;

    @BeforeAll
    static void start() throws Exception {
        loops = new Loops(1);
        certificates = new Certificates(work);
        certificates.sign("a", "a.example");
        certificates.sign("b", "b.example");
        certificates.sign("rsa", builder -> builder.rsa2048().addSanDnsName("a.example"));
        client = certificates.sign("client", "client.example");
        stranger = certificates.sign("stranger", "stranger.example");
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    private static final String INSPECTOR = "listener_filters: [{name: i, typed_config: {\"@type\": "
            + "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}]";

    private static String answering(String body) {
        return "filters: [{name: h, typed_config: {\"@type\": "
                + "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, "
                + "stat_prefix: s, http_filters: [{name: r, typed_config: {\"@type\": "
                + "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}], route_config: {virtual_hosts: "
                + "[{name: v, domains: [\"*\"], routes: [{match: {prefix: /}, direct_response: {status: 200, body: "
                + "{inline_string: \"" + body + "\"}}}]}]}}}]";
    }

    private static String passing(int port) {
        return "filters: [{name: t, typed_config: {\"@type\": "
                + "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, "
                + "cluster: \"" + port + "\"}}]";
    }

    private static String socket(String common, String more) {
        return "transport_socket: {name: tls, typed_config: {\"@type\": "
                + "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, "
                + "common_tls_context: {" + common + "}" + more + "}}";
    }

    private static String shows(String name) {
        return socket("tls_certificates: [" + certificates.certificate(name) + "], alpn_protocols: [h2, http/1.1]", "");
    }

    private static String names(String... names) {
        return "filter_chain_match: {server_names: [\"" + String.join("\", \"", names) + "\"]}";
    }

    private static ProxyProcess proxy(int upstream, String listener, String... chains) throws ConfigRejected {
        var text = new StringBuilder("""
                static_resources:
                  clusters:
                  - {name: "UP", type: STATIC, load_assignment: {cluster_name: u, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: UP}}}}]}]}}
                  listeners:
                  - name: main
                    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
                """.replace("UP", "" + upstream));
        for (String line : listener.split("\n", -1)) {
            text.append("    ").append(line).append('\n');
        }
        text.append("    filter_chains:\n");
        for (String chain : chains) {
            text.append("    - {").append(chain).append("}\n");
        }
        return LiveProxy.started(text.toString(), loops);
    }

    private static int port(ProxyProcess proxy) {
        return proxy.bound().values().iterator().next().getFirst().getPort();
    }

    private static String get(ProxyProcess proxy, String name, X509Bundle own) throws Exception {
        try (var peer = new Peer(certificates.connect(port(proxy), name, own, "http/1.1"))) {
            peer.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            return peer.readAll().replaceAll("(?s).*\r\n\r\n", "");
        }
    }

    @Test
    void theChainAndItsCertificateAreChosenByName() throws Exception {
        try (var proxy = proxy(
                1,
                INSPECTOR,
                names("a.example") + ", " + answering("exact") + ", " + shows("a"),
                names("*.example") + ", " + answering("wildcard") + ", " + shows("b"))) {
            assertThat(get(proxy, "a.example", null)).isEqualTo("exact");
            assertThat(get(proxy, "A.Example", null)).isEqualTo("exact");
            assertThat(get(proxy, "b.example", null)).isEqualTo("wildcard");
            assertThat(get(proxy, "x.y.example", null)).isEqualTo("wildcard");
            try (var socket = certificates.connect(port(proxy), "b.example", null, "h2")) {
                assertThat(((X509Certificate) socket.getSession().getPeerCertificates()[0])
                                .getSubjectX500Principal()
                                .getName())
                        .isEqualTo("CN=b");
                assertThat(socket.getApplicationProtocol()).isEqualTo("h2");
            }
        }
    }

    @Test
    void aConnectionThatMatchesNoChainIsClosed() throws Exception {
        try (var proxy = proxy(1, INSPECTOR, names("a.example") + ", " + answering("a") + ", " + shows("a"))) {
            assertThatThrownBy(() -> get(proxy, "c.example", null)).isInstanceOf(IOException.class);
            assertThatThrownBy(() -> get(proxy, "", null)).isInstanceOf(IOException.class);
            try (var plain = Peer.connect(port(proxy))) {
                plain.write("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
                assertThat(plain.readAll()).isEmpty();
            }
            assertThat(get(proxy, "a.example", null)).as("the others go on").isEqualTo("a");
        }
    }

    @Test
    void thereIsNoWayBackFromANameWhoseProtocolsDoNotFit() throws Exception {
        try (var proxy = proxy(
                1,
                INSPECTOR,
                "filter_chain_match: {server_names: [a.example], application_protocols: [h2]}, " + answering("h2")
                        + ", " + shows("a"),
                "filter_chain_match: {transport_protocol: tls}, " + answering("any") + ", " + shows("b"),
                "filter_chain_match: {transport_protocol: raw_buffer}, " + answering("plain"))) {
            assertThatThrownBy(() -> get(proxy, "a.example", null)).isInstanceOf(IOException.class);
            assertThat(get(proxy, "b.example", null)).isEqualTo("any");
            try (var plain = Peer.connect(port(proxy))) {
                plain.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                assertThat(plain.readAll()).endsWith("plain");
            }
        }
    }

    @Test
    void anInspectorThatAChainNeedsIsThereUnasked() throws Exception {
        try (var proxy = proxy(
                1,
                "stat_prefix: s",
                names("a.example") + ", " + answering("a") + ", " + shows("a"),
                names("b.example") + ", " + answering("b") + ", " + shows("b"))) {
            assertThat(get(proxy, "a.example", null)).isEqualTo("a");
            assertThat(get(proxy, "b.example", null)).isEqualTo("b");
        }
    }

    @Test
    void aHelloInManyPacketsIsPassedOnUnchanged() throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.write("got " + peer.read(300).hashCode());
                    peer.readAll();
                });
                var proxy = proxy(upstream.port(), INSPECTOR, names("a.example") + ", " + passing(upstream.port()));
                var peer = Peer.connect(port(proxy))) {
            byte[] hello = new byte[300];
            byte[] head = java.util.HexFormat.of()
                    .parseHex("1603010127" + "01000123" + "0303" + "00".repeat(32) + "00" + "0002c02b" + "0100" + "00f8"
                            + "0000" + "000e" + "000c" + "00" + "0009"
                            + java.util.HexFormat.of()
                                    .formatHex("a.example".getBytes(java.nio.charset.StandardCharsets.US_ASCII))
                            + "ff00" + "00e2");
            System.arraycopy(head, 0, hello, 0, head.length);
            for (byte one : hello) {
                peer.write(new byte[] {one});
            }
            String sent = new String(hello, java.nio.charset.StandardCharsets.ISO_8859_1);
            assertThat(peer.readUntil("got ")).isEqualTo("got ");
            peer.socket().shutdownOutput();
            assertThat(peer.readAll()).isEqualTo("" + sent.hashCode());
        }
    }

    @Test
    void tlsIsPassedOnToWhomItIsFor() throws Exception {
        X509Bundle own = certificates.sign("up", "up.example");
        try (var upstream = new ScriptedUpstream(certificates.listen(own, false), peer -> {
                    assertThat(peer.readHead()).startsWith("GET /");
                    peer.write("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nupstream");
                });
                var proxy = proxy(
                        upstream.port(),
                        INSPECTOR,
                        names("up.example") + ", " + passing(upstream.port()),
                        names("a.example") + ", " + answering("a") + ", " + shows("a"))) {
            for (int i = 0; i < 5; i++) {
                assertThat(get(proxy, "up.example", null)).isEqualTo("upstream");
                assertThat(get(proxy, "a.example", null)).isEqualTo("a");
            }
            assertThat(upstream.problems()).isEmpty();
        }
    }

    @Test
    void aClientsCertificateIsAskedForAndItsNameMatters() throws Exception {
        String common = "tls_certificates: [" + certificates.certificate("a")
                + "], validation_context: {trusted_ca: {filename: \"" + certificates.file("ca.pem")
                + "\"}, match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: client.example}}]}, "
                + "tls_params: {tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: TLSv1_2}";
        try (var proxy = proxy(
                1, INSPECTOR, answering("mutual") + ", " + socket(common, ", require_client_certificate: true"))) {
            assertThat(get(proxy, "a.example", client)).isEqualTo("mutual");
            assertThatThrownBy(() -> get(proxy, "a.example", null)).isInstanceOf(IOException.class);
            assertThatThrownBy(() -> get(proxy, "a.example", stranger)).isInstanceOf(IOException.class);
        }
        String optional = "tls_certificates: [" + certificates.certificate("a")
                + "], validation_context: {trusted_ca: {filename: \"" + certificates.file("ca.pem") + "\"}}";
        try (var proxy = proxy(1, INSPECTOR, answering("optional") + ", " + socket(optional, ""))) {
            assertThat(get(proxy, "a.example", null)).isEqualTo("optional");
            assertThat(get(proxy, "a.example", client)).isEqualTo("optional");
        }
    }

    @Test
    void anOldClientGetsTheCertificateWhoseKeyItKnows() throws Exception {
        String common =
                "tls_certificates: [" + certificates.certificate("rsa") + ", " + certificates.certificate("a") + "]";
        try (var proxy = proxy(1, "stat_prefix: s", answering("x") + ", " + socket(common, ""))) {
            try (var socket = certificates.connect(port(proxy), "a.example", null)) {
                assertThat(((X509Certificate) socket.getSession().getPeerCertificates()[0])
                                .getPublicKey()
                                .getAlgorithm())
                        .isEqualTo("EC");
            }
        }
    }

    @Test
    void aSilentClientIsClosedOrLetOn() throws Exception {
        try (var proxy = proxy(
                1,
                INSPECTOR + "\nlistener_filters_timeout: 0.05s",
                names("a.example") + ", " + answering("a") + ", " + shows("a"),
                answering("other"))) {
            try (var silent = Peer.connect(port(proxy))) {
                assertThat(silent.write(new byte[] {22, 3}).readAll()).isEmpty();
            }
        }
        try (var upstream = new ScriptedUpstream(
                        peer -> peer.write("welcome " + peer.read(2).length()));
                var proxy = proxy(
                        upstream.port(),
                        INSPECTOR + "\nlistener_filters_timeout: 0.05s\ncontinue_on_listener_filters_timeout: true",
                        names("a.example") + ", " + answering("a") + ", " + shows("a"),
                        passing(upstream.port()));
                var silent = Peer.connect(port(proxy))) {
            assertThat(silent.write(new byte[] {22, 3}).readAll()).isEqualTo("welcome 2");
        }
    }

    @Test
    void theEndOfATlsConnectionIsSaidToTheClient() throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> peer.write("bye " + peer.read(2)));
                var proxy = proxy(upstream.port(), INSPECTOR, passing(upstream.port()) + ", " + shows("a"));
                var peer = new Peer(certificates.connect(port(proxy), "a.example", null))) {
            peer.write("hi");
            assertThat(peer.readAll()).isEqualTo("bye hi");
        }
    }

    @Test
    void chainsByHttpVersion() throws Exception {
        String inspector = "listener_filters: [{name: i, typed_config: {\"@type\": "
                + "type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector}}]";
        try (var upstream = new ScriptedUpstream(peer -> peer.write("bytes").readAll());
                var proxy = proxy(
                        upstream.port(),
                        inspector,
                        "filter_chain_match: {application_protocols: [http/1.1, h2c]}, " + answering("http"),
                        passing(upstream.port()))) {
            try (var peer = Peer.connect(port(proxy))) {
                for (String part : "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".split("(?<=/)", -1)) {
                    peer.write(part);
                }
                assertThat(peer.readAll()).endsWith("http");
            }
            try (var peer = Peer.connect(port(proxy))) {
                assertThat(peer.write("\0\1\2").read(5)).isEqualTo("bytes");
            }
        }
    }

    @Test
    void fieldsOfTheTcpProxyAreRefusedByName() {
        assertThatThrownBy(() -> proxy(
                        1,
                        INSPECTOR,
                        passing(1).replace("stat_prefix: t", "stat_prefix: t, max_downstream_connection_duration: 1s")))
                .hasMessageContaining("max_downstream_connection_duration: not supported");
    }

    private static String judging(String crl) {
        return socket(
                "tls_certificates: [" + certificates.certificate("a")
                        + "], validation_context: {trusted_ca: {filename: \"" + certificates.file("ca.pem")
                        + "\"}, crl: {filename: \"" + certificates.file(crl) + "\"}}",
                ", require_client_certificate: true");
    }

    @Test
    void aClientWhoseCertificateIsRevokedIsRefused() throws Exception {
        X509Bundle lost = certificates.sign("lost", "lost.example");
        certificates.revocations("none.crl");
        certificates.revocations("lost.crl", lost);
        try (var proxy = proxy(1, INSPECTOR, answering("in") + ", " + judging("none.crl"))) {
            assertThat(get(proxy, "a.example", lost)).as("not yet").isEqualTo("in");
        }
        try (var proxy = proxy(1, INSPECTOR, answering("in") + ", " + judging("lost.crl"))) {
            assertThat(get(proxy, "a.example", client)).isEqualTo("in");
            assertThatThrownBy(() -> get(proxy, "a.example", lost)).isInstanceOf(IOException.class);
            assertThat(get(proxy, "a.example", client)).isEqualTo("in");
        }
    }

    @Test
    void withoutAListOfItsAuthorityACertificateIsRefused() throws Exception {
        var others = new Certificates(work.resolve("others"));
        others.revocations("others.crl");
        java.nio.file.Files.copy(Path.of(others.file("others.crl")), work.resolve("others.crl"));
        try (var proxy = proxy(1, INSPECTOR, answering("in") + ", " + judging("others.crl"))) {
            assertThatThrownBy(() -> get(proxy, "a.example", client)).isInstanceOf(IOException.class);
        }
    }

    @Test
    void whatIsNoRevocationListIsRefused() {
        assertThatThrownBy(() -> proxy(1, INSPECTOR, answering("in") + ", " + judging("ca.pem")))
                .hasMessageContaining("validation_context.crl: no certificate revocation list in PEM form");
    }

    @Test
    void whatIsNotHonouredIsRefusedByName() {
        assertThatThrownBy(() -> proxy(
                        1,
                        INSPECTOR + "\ndrain_type: MODIFY_ONLY\nsocket_options: [{level: 1}]",
                        "use_proxy_proto: true, " + answering("a") + ", "
                                + socket(
                                        "tls_certificates: [{certificate_chain: {filename: /none}, private_key: "
                                                + "{filename: \"" + certificates.file("a.key")
                                                + "\"}}], validation_context: {crl: {inline_string: x}, only_verify_leaf_cert_crl: true}, "
                                                + "tls_certificate_sds_secret_configs: [{name: s}]",
                                        ", ocsp_staple_policy: MUST_STAPLE")))
                .isInstanceOfSatisfying(
                        ConfigRejected.class,
                        e -> assertThat(e.reasons())
                                .extracting(reason -> reason.replace("static_resources.listeners[0] (main).", ""))
                                .containsExactlyInAnyOrder(
                                        "drain_type: not supported",
                                        "socket_options: not supported",
                                        "filter_chains[0].use_proxy_proto: not supported",
                                        "filter_chains[0].transport_socket.ocsp_staple_policy: not supported",
                                        "filter_chains[0].transport_socket.common_tls_context.tls_certificate_sds_secret_configs[0].name: no secret \"s\" is to be had here (expected: file-root:PATH, file-cert:CHAIN~KEY)",
                                        "filter_chains[0].transport_socket.common_tls_context.validation_context.only_verify_leaf_cert_crl: not supported",
                                        "filter_chains[0].transport_socket.common_tls_context.validation_context.crl: has no effect without trusted_ca (expected: the authorities that have revoked)",
                                        "filter_chains[0].transport_socket.common_tls_context.tls_certificates[0].certificate_chain.filename: \"/none\" does not exist"));
    }
}
