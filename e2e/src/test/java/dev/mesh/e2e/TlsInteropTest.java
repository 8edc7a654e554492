package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// TLS as Gateways, VirtualServices and DestinationRules ask for it, through mesh-proxy and through real Envoy: the
/// same
/// certificates are shown, the same connections refused, the same upstreams trusted. Runs where `-Denvoy` names
/// Envoy's binary: `make interop`.
@EnabledIfSystemProperty(named = "envoy", matches = ".+")
class TlsInteropTest {
    private static final List<String> QUESTIONS = List.of(
            // server name, host, path, own certificate, ALPN
            "a.test a.test / - http/1.1",
            "A.TEST a.test / - http/1.1",
            "a.test a.test / - h2,http/1.1",
            "a.test b.test / - http/1.1",
            "b.test b.test / client http/1.1",
            "b.test b.test / - http/1.1",
            "b.test b.test / stranger http/1.1",
            "x.w.test x.w.test / - http/1.1",
            "w.test w.test / - http/1.1",
            "c.test c.test /passed - http/1.1",
            "d.test d.test / - http/1.1",
            "- a.test / - http/1.1",
            "a.test a.test /good - http/1.1",
            "a.test a.test /wrongname - http/1.1",
            "a.test a.test /named - http/1.1",
            "a.test a.test /wrongca - http/1.1",
            "a.test a.test /expired - http/1.1",
            "a.test a.test /mutual - http/1.1",
            "a.test a.test /notshown - http/1.1");

    @TempDir
    @SuppressWarnings("NullAway.Init") // set by JUnit
    private Path work;

    @SuppressWarnings("NullAway.Init") // made first
    private X509Bundle authority;

    private X509Bundle sign(String name, Instant until, String... dnsNames) throws Exception {
        var builder = new CertificateBuilder()
                .subject("CN=" + name)
                .ecp256()
                .notBefore(Instant.now().minus(Duration.ofDays(3)))
                .notAfter(until);
        for (String dnsName : dnsNames) {
            builder.addSanDnsName(dnsName);
        }
        var bundle = builder.buildIssuedBy(authority);
        Files.writeString(work.resolve(name + ".pem"), bundle.getCertificatePathPEM());
        Files.writeString(work.resolve(name + ".key"), bundle.getPrivateKeyPEM());
        return bundle;
    }

    private X509Bundle authority(String name) throws Exception {
        var bundle = new CertificateBuilder()
                .subject("CN=" + name)
                .ecp256()
                .setIsCertificateAuthority(true)
                .buildSelfSigned();
        Files.writeString(work.resolve(name + ".pem"), bundle.getCertificatePEM());
        return bundle;
    }

    private SSLContext context(@Nullable X509Bundle own) throws GeneralSecurityException {
        var context = SSLContext.getInstance("TLS");
        KeyManager[] keys = own == null ? null : own.toKeyManagerFactory().getKeyManagers();
        context.init(keys, new TrustManager[] {authority.toTrustManager()}, null);
        return context;
    }

    private static HttpServer serve(HttpServer server, String name) {
        server.createContext("/", exchange -> {
            byte[] body = (name + " " + exchange.getRequestURI()).getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        return server;
    }

    private HttpServer secure(String name, X509Bundle own, boolean wantsClients) throws Exception {
        var server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 64);
        SSLContext context = context(own);
        server.setHttpsConfigurator(new HttpsConfigurator(context) {
            @Override
            public void configure(HttpsParameters parameters) {
                SSLParameters settings = context.getDefaultSSLParameters();
                settings.setNeedClientAuth(wantsClients);
                parameters.setSSLParameters(settings);
            }
        });
        return serve(server, name);
    }

    @Test
    void everyAnswerIsTheSameAsEnvoys() throws Exception {
        authority = authority("ca");
        authority("other");
        Instant later = Instant.now().plus(Duration.ofDays(3));
        for (String name : List.of("a", "b", "w")) {
            sign(name, later, name + ".test");
        }
        Map<String, X509Bundle> own = Map.of(
                "client", sign("client", later, "client.test"), "stranger", sign("stranger", later, "stranger.test"));
        var servers = List.of(
                serve(HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 64), "plain"),
                secure("secure", sign("good", later, "good.test", "c.test"), false),
                secure("expired", sign("old", Instant.now().minus(Duration.ofDays(1)), "expired.test"), false),
                secure("mutual", sign("both", later, "mutual.test"), true));
        int edge = Fixture.freePort();
        Path folder = Files.createDirectory(work.resolve("config"));
        Files.writeString(
                folder.resolve("mesh.yaml"),
                configuration(
                        edge,
                        servers.stream()
                                .map(server -> server.getAddress().getPort())
                                .toList()));
        try (var pilot = Fixture.pilot(work, folder)) {
            Path gateway = Fixture.bootstrap(
                    work,
                    "edge",
                    "router~127.0.0.1~edge.shop~shop.svc.cluster.local",
                    Files.readString(work.resolve("pilot.port")),
                    "{}");
            Map<String, String> ours;
            try (var proxy = Program.start(
                    "mesh-proxy",
                    "dev.mesh.proxy.boot.MeshProxy",
                    work.resolve("proxy.log"),
                    List.of("-c", gateway.toString()))) {
                ours = answers(edge, own, proxy);
            }
            Map<String, String> envoys;
            try (var envoy = Program.run(
                    List.of(
                            System.getProperty("envoy", ""),
                            "-c",
                            gateway.toString(),
                            "--concurrency",
                            "1",
                            "--disable-hot-restart"),
                    work.resolve("envoy.log"))) {
                envoys = answers(edge, own, envoy);
            }
            assertThat(print(ours)).as(pilot::toString).isEqualTo(print(envoys));
            assertThat(ours)
                    .containsEntry(QUESTIONS.get(0), "CN=a http/1.1 200 plain /")
                    .containsEntry(QUESTIONS.get(2), "CN=a h2")
                    .containsEntry(QUESTIONS.get(4), "CN=b http/1.1 200 plain /")
                    .containsEntry(QUESTIONS.get(5), "refused")
                    .containsEntry(QUESTIONS.get(6), "refused")
                    .containsEntry("c.test c.test /passed - http/1.1", "CN=good  200 secure /passed")
                    .containsEntry("d.test d.test / - http/1.1", "refused")
                    .containsEntry("a.test a.test /good - http/1.1", "CN=a http/1.1 200 secure /good")
                    .containsEntry("a.test a.test /mutual - http/1.1", "CN=a http/1.1 200 mutual /mutual");
            for (String path : List.of("wrongname", "wrongca", "expired", "notshown")) {
                assertThat(ours.get("a.test a.test /" + path + " - http/1.1")).startsWith("CN=a http/1.1 503");
            }
        } finally {
            servers.forEach(server -> server.stop(0));
        }
    }

    private static String print(Map<String, String> answers) {
        return answers.entrySet().stream()
                .map(answer -> answer.getKey() + " => " + answer.getValue())
                .collect(Collectors.joining("\n"));
    }

    private String configuration(int edge, List<Integer> ports) {
        var text = new StringBuilder();
        text.append("""
                apiVersion: networking.istio.io/v1
                kind: Gateway
                metadata: {name: edge, namespace: shop}
                spec:
                  selector: {istio: ingressgateway}
                  servers:
                  - {port: {number: EDGE, name: a, protocol: HTTPS}, hosts: [a.test], tls: {mode: SIMPLE, serverCertificate: WORK/a.pem, privateKey: WORK/a.key}}
                  - {port: {number: EDGE, name: b, protocol: HTTPS}, hosts: [b.test], tls: {mode: MUTUAL, serverCertificate: WORK/b.pem, privateKey: WORK/b.key, caCertificates: WORK/ca.pem, subjectAltNames: [client.test]}}
                  - {port: {number: EDGE, name: w, protocol: HTTPS}, hosts: ["*.w.test"], tls: {mode: SIMPLE, serverCertificate: WORK/w.pem, privateKey: WORK/w.key, minProtocolVersion: TLSV1_3}}
                  - {port: {number: EDGE, name: c, protocol: TLS}, hosts: [c.test], tls: {mode: PASSTHROUGH}}
                ---
                apiVersion: networking.istio.io/v1
                kind: VirtualService
                metadata: {name: passed, namespace: shop}
                spec:
                  hosts: [c.test]
                  gateways: [edge]
                  tls:
                  - match: [{port: EDGE, sniHosts: [c.test]}]
                    route: [{destination: {host: passed.test, port: {number: 443}}}]
                ---
                apiVersion: networking.istio.io/v1
                kind: VirtualService
                metadata: {name: routed, namespace: shop}
                spec:
                  hosts: [a.test, b.test, "*.w.test"]
                  gateways: [edge]
                  http:
                """);
        for (String name : List.of("good", "wrongname", "named", "wrongca", "expired", "mutual", "notshown")) {
            text.append("  - {match: [{uri: {prefix: /" + name
                    + "}}], retries: {attempts: 0}, route: [{destination: {host: " + name
                    + ".test, port: {number: 80}}}]}\n");
        }
        text.append("  - route: [{destination: {host: plain.test, port: {number: 80}}}]\n");
        int plain = ports.get(0);
        int secure = ports.get(1);
        int mutual = ports.get(3);
        text.append(service("plain", "HTTP", 80, plain, ""));
        text.append(service("passed", "TLS", 443, secure, ""));
        text.append(service("good", "HTTP", 80, secure, "mode: SIMPLE, caCertificates: WORK/ca.pem"));
        text.append(service("wrongname", "HTTP", 80, secure, "mode: SIMPLE, caCertificates: WORK/ca.pem"));
        text.append(
                service(
                        "named",
                        "HTTP",
                        80,
                        secure,
                        "mode: SIMPLE, caCertificates: WORK/ca.pem, subjectAltNames: [nobody.test, good.test], sni: other.test"));
        text.append(
                service("wrongca", "HTTP", 80, secure, "mode: SIMPLE, caCertificates: WORK/other.pem, sni: good.test"));
        text.append(service("expired", "HTTP", 80, ports.get(2), "mode: SIMPLE, caCertificates: WORK/ca.pem"));
        String both = "caCertificates: WORK/ca.pem, sni: mutual.test";
        text.append(service(
                "mutual",
                "HTTP",
                80,
                mutual,
                "mode: MUTUAL, clientCertificate: WORK/client.pem, privateKey: WORK/client.key, " + both));
        text.append(service("notshown", "HTTP", 80, mutual, "mode: SIMPLE, " + both));
        return text.toString().replace("EDGE", "" + edge).replace("WORK", work.toString());
    }

    private static String service(String name, String protocol, int port, int target, String tls) {
        String entry = """
                ---
                apiVersion: networking.istio.io/v1
                kind: ServiceEntry
                metadata: {name: NAME, namespace: shop}
                spec: {hosts: [NAME.test], ports: [{number: PORT, name: p, protocol: PROTOCOL, targetPort: TARGET}], location: MESH_EXTERNAL, resolution: STATIC, endpoints: [{address: 127.0.0.1}]}
                """;
        String rule = """
                ---
                apiVersion: networking.istio.io/v1
                kind: DestinationRule
                metadata: {name: NAME, namespace: shop}
                spec: {host: NAME.test, trafficPolicy: {tls: {TLS}}}
                """;
        return (tls.isEmpty() ? entry : entry + rule)
                .replace("NAME", name)
                .replace("PORT", "" + port)
                .replace("PROTOCOL", protocol)
                .replace("TARGET", "" + target)
                .replace("TLS}}}", tls + "}}}");
    }

    private Map<String, String> answers(int port, Map<String, X509Bundle> own, Program proxy) {
        await().atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> assertThat(ask(port, QUESTIONS.getFirst(), own))
                        .as(proxy::toString)
                        .contains(" 200 "));
        var answers = new LinkedHashMap<String, String>();
        QUESTIONS.forEach(question -> answers.put(question, ask(port, question, own)));
        answers.put("plaintext", plaintext(port));
        return answers;
    }

    // The certificate that was shown, the protocol agreed on, status and body; of HTTP/2 only the handshake.
    private String ask(int port, String question, Map<String, X509Bundle> own) {
        String[] parts = question.split(" ", -1);
        try (var plain = new Socket(InetAddress.getLoopbackAddress(), port)) {
            plain.setSoTimeout(8000);
            var socket =
                    (SSLSocket) context(own.get(parts[3])).getSocketFactory().createSocket(plain, "x", port, true);
            var parameters = socket.getSSLParameters();
            parameters.setServerNames(parts[0].equals("-") ? List.of() : List.of(new SNIHostName(parts[0])));
            parameters.setApplicationProtocols(parts[4].split(",", -1));
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            String shown = ((X509Certificate) socket.getSession().getPeerCertificates()[0])
                            .getSubjectX500Principal()
                            .getName()
                    + " " + socket.getApplicationProtocol();
            if (socket.getApplicationProtocol().equals("h2")) {
                return shown;
            }
            socket.getOutputStream()
                    .write(("GET " + parts[2] + " HTTP/1.1\r\nHost: " + parts[1] + "\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            var answer = RawHttp.read(socket.getInputStream(), "GET");
            return shown + " " + answer.status() + " " + answer.body();
        } catch (SocketTimeoutException e) {
            return "no answer";
        } catch (IOException e) {
            return "refused";
        } catch (GeneralSecurityException e) {
            throw new AssertionError(e);
        }
    }

    private static String plaintext(int port) {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout(8000);
            socket.getOutputStream()
                    .write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return "answered: " + RawHttp.read(socket.getInputStream(), "GET").status();
        } catch (SocketTimeoutException e) {
            return "no answer";
        } catch (IOException e) {
            return "refused";
        }
    }
}
