package dev.mesh.proxy.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.io.Loops;
import io.netty.pkitesting.X509Bundle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.concurrent.LinkedBlockingQueue;
import javax.net.ssl.ExtendedSSLSession;
import javax.net.ssl.SSLSocket;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Whose certificates are taken upstream, whose are not and what is said then, what is asked for, and what is shown.
@NullUnmarked
@Timeout(60)
class UpstreamTlsTest {
    private static final String REASON = "TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:"
            + "verify_cert_failed:_%s:TLS_error_end";

    @TempDir
    private static Path work;

    private static Loops loops;
    private static Certificates certificates;
    private static X509Bundle good;
    private static X509Bundle expired;

    @BeforeAll
    static void start() throws Exception {
        loops = new Loops(1);
        certificates = new Certificates(work);
        new Certificates(work.resolve("other"));
        good = certificates.sign(
                "good",
                builder -> builder.addSanDnsName("up.example")
                        .addSanUriName(java.net.URI.create("spiffe://shop/up"))
                        .addSanIpAddress(java.net.InetAddress.getLoopbackAddress())
                        .addSanRfc822Name("ops@up.example"));
        expired = certificates.sign(
                "expired",
                builder -> builder.addSanDnsName("up.example")
                        .notAfter(Instant.now().minus(Duration.ofDays(1))));
        certificates.sign("client", "client.example");
    }

    @AfterAll
    static void stopLoops() {
        loops.close();
    }

    /// What the proxy's client and the access log are told.
    private record Outcome(String answer, String flags, String reason) {}

    private static String tls(String validation, String more) {
        return "transport_socket: {name: tls, typed_config: {\"@type\": "
                + "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, "
                + "common_tls_context: {validation_context: {" + validation + "}}" + more + "}}";
    }

    private static String trusted(String matcher) {
        return "trusted_ca: {filename: \"" + certificates.file("ca.pem") + "\"}"
                + (matcher.isEmpty() ? "" : ", match_typed_subject_alt_names: [" + matcher + "]");
    }

    private static LiveProxy proxy(int port, String... cluster) throws ConfigRejected {
        return LiveProxy.with()
                .hcm("access_log: [{name: f, typed_config: {\"@type\": "
                        + "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: \""
                        + work.resolve("log-" + port) + "\", log_format: {text_format_source: {inline_string: "
                        + "\"%RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON%\\n\"}}}}]")
                .cluster("up", port, cluster)
                .start(loops);
    }

    private static Outcome ask(X509Bundle server, String... cluster) throws Exception {
        try (var upstream = new ScriptedUpstream(certificates.listen(server, false), peer -> {
            peer.readHead();
            peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            peer.readAll();
        })) {
            String answer;
            try (var proxy = proxy(upstream.port(), cluster);
                    var client = proxy.connect()) {
                client.write("GET / HTTP/1.1\r\nHost: up.example\r\nConnection: close\r\n\r\n");
                answer = client.readAll().replaceAll("(?s)\r\n.*", "");
            }
            // Written by a thread of its own.
            Path log = work.resolve("log-" + upstream.port());
            Awaitility.await()
                    .until(() -> Files.exists(log) && Files.readString(log).endsWith("\n"));
            String[] line = Files.readString(log).strip().split(" ", 2);
            return new Outcome(answer, line[0], line[1]);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{san_type: DNS, matcher: {exact: UP.example}}",
                "{san_type: DNS, matcher: {suffix: .example}}",
                "{san_type: DNS, matcher: {contains: example}}",
                "{san_type: URI, matcher: {exact: \"spiffe://shop/up\"}}",
                "{san_type: URI, matcher: {prefix: \"spiffe://shop/\"}}",
                "{san_type: URI, matcher: {safe_regex: {regex: \"spiffe://[a-z]+/up\"}}}",
                "{san_type: EMAIL, matcher: {exact: ops@up.example}}",
                "{san_type: IP_ADDRESS, matcher: {exact: 127.0.0.1}}",
                "{san_type: DNS, matcher: {exact: nobody}}, {san_type: DNS, matcher: {exact: up.example}}",
                ""
            })
    void oneRightNameIsEnough(String matcher) throws Exception {
        assertThat(ask(good, tls(trusted(matcher), ", sni: up.example")))
                .isEqualTo(new Outcome("HTTP/1.1 200 OK", "-", "-"));
    }

    @Test
    void aServerWhoseCertificateIsRevokedIsRefused() throws Exception {
        X509Bundle lost = certificates.sign("lost", "up.example");
        certificates.revocations("none.crl");
        certificates.revocations("lost.crl", lost);
        var others = new Certificates(work.resolve("others"));
        others.revocations("others.crl");
        String crl = ", crl: {filename: \"%s\"}";

        assertThat(ask(lost, tls(trusted("") + crl.formatted(certificates.file("none.crl")), "")))
                .isEqualTo(new Outcome("HTTP/1.1 200 OK", "-", "-"));
        assertThat(ask(good, tls(trusted("") + crl.formatted(certificates.file("lost.crl")), "")))
                .isEqualTo(new Outcome("HTTP/1.1 200 OK", "-", "-"));
        assertThat(ask(lost, tls(trusted("") + crl.formatted(certificates.file("lost.crl")), ""))
                        .reason())
                .isEqualTo(REASON.formatted(
                        "X509_verify_cert:_certificate_verification_error_at_depth_0:_certificate_revoked"));
        assertThat(ask(good, tls(trusted("") + crl.formatted(others.file("others.crl")), ""))
                        .reason())
                .isEqualTo(REASON.formatted(
                        "X509_verify_cert:_certificate_verification_error_at_depth_0:_unable_to_get_certificate_CRL"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{san_type: DNS, matcher: {exact: other.example}}",
                "{san_type: DNS, matcher: {exact: \"spiffe://shop/up\"}}",
                "{san_type: URI, matcher: {exact: up.example}}",
                "{san_type: DNS, matcher: {exact: a.up.example}}",
                "{san_type: URI, matcher: {safe_regex: {regex: \"spiffe://shop\"}}}"
            })
    void aWrongNameIsRefused(String matcher) throws Exception {
        assertThat(ask(good, tls(trusted(matcher), "")))
                .isEqualTo(new Outcome(
                        "HTTP/1.1 503 Service Unavailable",
                        "UF",
                        REASON.formatted("SAN_matcher,_certificate_SANs_are_[up.example,"
                                + "_spiffe://shop/up,_127.0.0.1,_ops@up.example]")));
    }

    @Test
    void aCertificateOfAnotherAuthorityIsRefused() throws Exception {
        String other = "trusted_ca: {filename: \"" + certificates.file("other/ca.pem") + "\"}";
        assertThat(ask(good, tls(other, "")))
                .isEqualTo(new Outcome(
                        "HTTP/1.1 503 Service Unavailable",
                        "UF",
                        REASON.formatted("X509_verify_cert:_certificate_verification_error_at_depth_0:"
                                + "_unable_to_get_local_issuer_certificate")));
    }

    @Test
    void anExpiredCertificateIsRefused() throws Exception {
        assertThat(ask(expired, tls(trusted(""), "")))
                .isEqualTo(new Outcome(
                        "HTTP/1.1 503 Service Unavailable",
                        "UF",
                        REASON.formatted("X509_verify_cert:_certificate_verification_error_at_depth_0:"
                                + "_certificate_has_expired")));
    }

    @Test
    void aPinnedCertificateIsTakenWithoutAnAuthority() throws Exception {
        String hash = HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256")
                        .digest(good.getCertificate().getEncoded()));
        assertThat(ask(good, tls("verify_certificate_hash: [" + hash + "]", "")).answer())
                .isEqualTo("HTTP/1.1 200 OK");
        assertThat(ask(expired, tls("verify_certificate_hash: [" + hash + "]", "")))
                .isEqualTo(
                        new Outcome("HTTP/1.1 503 Service Unavailable", "UF", REASON.formatted("cert_hash_and_spki")));
    }

    @Test
    void theRequestsHostIsAskedForAndMustBeInTheCertificate() throws Exception {
        String auto = "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: "
                + "{\"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, "
                + "upstream_http_protocol_options: {auto_sni: true, auto_san_validation: true}, "
                + "explicit_http_config: {http_protocol_options: {}}}}";
        assertThat(ask(good, tls(trusted(""), ""), auto).answer()).isEqualTo("HTTP/1.1 200 OK");
        assertThat(ask(certificates.sign("else", "else.example"), tls(trusted(""), ""), auto)
                        .flags())
                .isEqualTo("UF");
    }

    @Test
    void theUpstreamSeesNameProtocolAndCertificate() throws Exception {
        var seen = new LinkedBlockingQueue<String>();
        try (var upstream = new ScriptedUpstream(certificates.listen(good, true, "http/1.1"), peer -> {
                    peer.readHead();
                    var socket = (SSLSocket) peer.socket();
                    var session = (ExtendedSSLSession) socket.getSession();
                    seen.add(session.getRequestedServerNames() + " " + socket.getApplicationProtocol() + " "
                            + session.getPeerPrincipal() + " " + session.getProtocol());
                    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                    peer.readAll();
                });
                var proxy = proxy(
                        upstream.port(),
                        tls(trusted(""), ", sni: backend")
                                .replace(
                                        "common_tls_context: {",
                                        "common_tls_context: {tls_certificates: [" + certificates.certificate("client")
                                                + "], "));
                var client = proxy.connect()) {
            client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            assertThat(client.readAll()).startsWith("HTTP/1.1 200");
            assertThat(seen.take()).isEqualTo("[type=host_name (0), value=backend] http/1.1 CN=client TLSv1.2");
        }
    }

    @Test
    void whatDoesNotSpeakTlsIsAFailedConnection() throws Exception {
        try (var upstream = new ScriptedUpstream(peer -> {
                    peer.read(5);
                    peer.write("HTTP/1.1 400 Bad Request\r\n\r\n");
                });
                var proxy = proxy(upstream.port(), tls(trusted(""), ""));
                var client = proxy.connect()) {
            client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            assertThat(client.readAll()).startsWith("HTTP/1.1 503");
            assertThat(proxy.stat("cluster.up.ssl.connection_error")).isEqualTo(1);
        }
    }

    @Test
    void whatIsNotHonouredIsRefusedByName() {
        assertThatThrownBy(() -> proxy(
                        1,
                        tls(
                                "match_typed_subject_alt_names: [{san_type: OTHER_NAME, matcher: {exact: x}, oid: "
                                        + "\"1.2\"}, {san_type: DNS, matcher: {safe_regex: {regex: \"(\"}}}], "
                                        + "allow_expired_certificate: true",
                                ", allow_renegotiation: true, max_session_keys: 3")))
                .isInstanceOfSatisfying(
                        ConfigRejected.class,
                        e -> assertThat(e.reasons())
                                .extracting(reason -> reason.replaceAll("^.*\\(up\\)\\.transport_socket\\.", ""))
                                .satisfiesExactlyInAnyOrder(
                                        one -> assertThat(one).isEqualTo("allow_renegotiation: not supported"),
                                        one -> assertThat(one).isEqualTo("max_session_keys: not supported"),
                                        one -> assertThat(one)
                                                .startsWith(
                                                        "common_tls_context.validation_context.allow_expired_certificate"),
                                        one -> assertThat(one)
                                                .contains("match_typed_subject_alt_names[0].san_type: OTHER_NAME"),
                                        one -> assertThat(one)
                                                .contains("match_typed_subject_alt_names[1].matcher", "RE2"),
                                        one -> assertThat(one)
                                                .startsWith(
                                                        "common_tls_context.validation_context.trusted_ca: missing"),
                                        one -> assertThat(one).endsWith("cluster \"up\" is not known")));
    }
}
