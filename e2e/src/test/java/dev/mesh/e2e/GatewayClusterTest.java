package dev.mesh.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.local.FreePorts;
import dev.mesh.e2e.cluster.ApiServer;
import dev.mesh.e2e.cluster.Kubectl;
import dev.mesh.e2e.cluster.OnOwnServers;
import io.netty.pkitesting.CertificateBuilder;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.awaitility.core.ConditionTimeoutException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The pilot on a real API server, and a gateway that has nothing but its service account's token and the mesh's root:
/// it gets its certificate, and with it the routes that stand in the cluster. Runs where `-Dkube` names the program.
@OnOwnServers
@SuppressWarnings("NullAway.Init") // set by JUnit
class GatewayClusterTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Pattern SECURE_PORT = Pattern.compile("secure=\"([0-9]+)\"");
    private static final FreePorts PORTS = new FreePorts();
    private static final Map<String, String> KINDS =
            Map.of("gateways", "Gateway", "virtualservices", "VirtualService", "serviceentries", "ServiceEntry");
    // Loose ones: what the API server takes is not what is looked at here.
    private static final String DEFINITION = """
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: $plural.networking.istio.io}
            spec:
              group: networking.istio.io
              names: {kind: $kind, listKind: $kindList, plural: $plural, singular: $singular}
              scope: Namespaced
              versions:
              - name: v1
                served: true
                storage: true
                schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
            ---
            """;
    private static final String ROUTES = """
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: edge, namespace: edge}
            spec:
              selector: {istio: ingressgateway}
              servers: [{port: {number: $edge, name: http, protocol: HTTP}, hosts: ["*"]}]
            ---
            apiVersion: networking.istio.io/v1
            kind: ServiceEntry
            metadata: {name: web, namespace: edge}
            spec:
              hosts: [web.example]
              ports: [{number: 80, name: http, protocol: HTTP}]
              resolution: STATIC
              endpoints: [{address: 127.0.0.1, ports: {http: $web}}]
            ---
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: web, namespace: edge}
            spec:
              hosts: ["*"]
              gateways: [edge]
              http:
              - name: version
                match: [{uri: {exact: /version}}]
                directResponse: {status: 200, body: {string: $version}}
              - name: web
                route: [{destination: {host: web.example}}]
            """;

    @TempDir
    private static Path work;

    private static ApiServer server;
    private static Kubectl kubectl;
    private static Program pilot;
    private static String securePort = "";
    private static EchoServer web;

    @BeforeAll
    static void starts() throws IOException {
        server = ApiServer.start(work.resolve("api"));
        kubectl = server.kubectl();
        kubectl.run("create", "namespace", "mesh-system");
        kubectl.run("create", "namespace", "edge");
        kubectl.run("create", "serviceaccount", "ingress", "-n", "edge");
        var definitions = new StringBuilder();
        KINDS.forEach((plural, kind) -> definitions.append(DEFINITION
                .replace("$plural", plural)
                .replace("$singular", kind.toLowerCase(Locale.ROOT))
                .replace("$kind", kind)));
        kubectl.apply(definitions.toString());
        kubectl.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s");
        web = new EchoServer();
        pilot = Program.start(
                "mesh-pilot",
                "dev.mesh.pilot.boot.PilotMain",
                work.resolve("pilot.log"),
                List.of(
                        "--kubernetes",
                        "--kubeconfig",
                        server.kubeconfig().toString(),
                        "--xds-port",
                        "0",
                        "--secure-port",
                        "0",
                        "--webhook-port",
                        "0",
                        "--http-port",
                        "0"));
        await("the pilot: " + pilot).atMost(PATIENCE).until(() -> {
            Matcher matcher = SECURE_PORT.matcher(pilot.output());
            boolean found = matcher.find();
            securePort = found ? matcher.group(1) : "";
            return found;
        });
    }

    @AfterAll
    static void ends() throws IOException {
        if (pilot != null) {
            pilot.close();
        }
        if (web != null) {
            web.close();
        }
        if (server != null) {
            server.close();
        }
    }

    private static Path root(String namespace) throws IOException {
        await().atMost(PATIENCE)
                .until(() -> kubectl.execute("", "get", "configmap", "istio-ca-root-cert", "-n", namespace)
                                .status()
                        == 0);
        return Files.writeString(
                work.resolve("root-cert.pem"),
                kubectl.run(
                        "get",
                        "configmap",
                        "istio-ca-root-cert",
                        "-n",
                        namespace,
                        "-o",
                        "jsonpath={.data.root-cert\\.pem}"));
    }

    private static Program gateway(String name, Path token) throws IOException {
        return gateway(name, "edge", token);
    }

    private static Program gateway(String name, String namespace, Path token) throws IOException {
        return Program.start(
                "mesh-proxy",
                "dev.mesh.proxy.boot.MeshProxy",
                work.resolve(name + ".log"),
                List.of("proxy", "router"),
                Map.ofEntries(
                        Map.entry("POD_NAME", name),
                        Map.entry("POD_NAMESPACE", namespace),
                        Map.entry("INSTANCE_IP", "127.0.0.1"),
                        Map.entry("SERVICE_ACCOUNT", "ingress"),
                        Map.entry("ISTIOD_SAN", "mesh-pilot.mesh-system.svc"),
                        Map.entry("XDS_ROOT_CA", root(namespace).toString()),
                        Map.entry("CA_ROOT_CA", root(namespace).toString()),
                        Map.entry("MESH_TOKEN_FILE", token.toString()),
                        Map.entry("ENVOY_STATUS_PORT", "0"),
                        Map.entry("ENVOY_PROMETHEUS_PORT", "0"),
                        Map.entry("ISTIO_METAJSON_LABELS", "{\"istio\": \"ingressgateway\"}"),
                        Map.entry(
                                "PROXY_CONFIG",
                                "{\"discoveryAddress\": \"127.0.0.1:" + securePort
                                        + "\", \"statusPort\": 0, \"proxyAdminPort\": 0, \"concurrency\": 1,"
                                        + " \"terminationDrainDuration\": \"0s\"}")));
    }

    private static void answers(Program gateway, int port, String version) {
        try {
            await().atMost(PATIENCE).until(() -> get(port, "/version"), version::equals);
        } catch (ConditionTimeoutException e) {
            throw new AssertionError(
                    "no \"" + version + "\"; the gateway says\n" + gateway + "\nthe pilot says\n" + pilot, e);
        }
    }

    private static String get(int port, String path) throws IOException, InterruptedException {
        try (var client = HttpClient.newHttpClient()) {
            return client.send(
                            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                                    .timeout(Duration.ofSeconds(10))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString())
                    .body();
        } catch (IOException e) {
            return e.toString();
        }
    }

    @Test
    void aGatewayRoutesAsTheClusterSaysByItsProvenIdentity() throws Exception {
        int edge = PORTS.next();
        String routes = ROUTES.replace("$edge", "" + edge).replace("$web", "" + web.port());
        kubectl.apply(routes.replace("$version", "one"));
        Path token = Files.writeString(
                work.resolve("token"),
                kubectl.run("create", "token", "ingress", "-n", "edge", "--audience", "istio-ca")
                        .strip());
        try (Program gateway = gateway("ingress-1", token)) {
            answers(gateway, edge, "one");

            assertThat(get(edge, "/anything")).startsWith("GET /anything HTTP/1.1");

            kubectl.apply(routes.replace("$version", "two"));
            answers(gateway, edge, "two");
            assertThat(pilot.output())
                    .contains("signed a certificate identity=\"spiffe://cluster.local/ns/edge/sa/ingress\"")
                    .contains("connected proxy=\"router~127.0.0.1~ingress-1.edge~edge.svc.cluster.local\"");
        }
    }

    private static final String HTTPS = """
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: secure, namespace: edge}
            spec:
              selector: {istio: ingressgateway}
              servers: [{port: {number: $edge, name: https, protocol: HTTPS}, hosts: [secure.example], tls: {mode: SIMPLE, credentialName: secure-cert}}]
            ---
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: secure, namespace: edge}
            spec:
              hosts: [secure.example]
              gateways: [secure]
              http: [{directResponse: {status: 200, body: {string: secure}}}]
            """;
    private static final String MAY_READ_SECRETS = """
            apiVersion: rbac.authorization.k8s.io/v1
            kind: Role
            metadata: {name: ingress, namespace: edge}
            rules: [{apiGroups: [""], resources: [secrets], verbs: [get, watch, list]}]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            metadata: {name: ingress, namespace: edge}
            roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: ingress}
            subjects: [{kind: ServiceAccount, name: ingress, namespace: edge}]
            """;

    @Test
    void httpsByTheNameOfASecretThatIsRotatedLive() throws Exception {
        int edge = PORTS.next();
        kubectl.apply(HTTPS.replace("$edge", "" + edge));
        kubectl.apply(MAY_READ_SECRETS);
        Path first = certificate("first");
        Path second = certificate("second");
        secret(first);
        Path token = Files.writeString(
                work.resolve("secure-token"),
                kubectl.run("create", "token", "ingress", "-n", "edge", "--audience", "istio-ca")
                        .strip());
        try (Program gateway = gateway("ingress-secure", token)) {
            secure(gateway, edge, first, second);

            try (var open = new KeptOpen(edge, first)) {
                assertThat(open.get()).isEqualTo("secure");
                secret(second);
                secure(gateway, edge, second, first);
                assertThat(open.get()).as("who was there before").isEqualTo("secure");
            }

            // One that is no good, and then none: the last good one stays.
            kubectl.run(
                    "patch", "secret", "secure-cert", "-n", "edge", "-p", "{\"data\": {\"tls.key\": \"bm9uZQ==\"}}");
            await("the pilot: " + pilot)
                    .atMost(PATIENCE)
                    .until(() -> pilot.output().contains("Secret edge/secure-cert: data[tls.key]: no private key"));
            secure(gateway, edge, second, first);
            kubectl.run("delete", "secret", "secure-cert", "-n", "edge");
            await("the pilot: " + pilot)
                    .atMost(PATIENCE)
                    .until(() -> pilot.output().contains("no Secret secure-cert with tls.crt and tls.key"));
            secure(gateway, edge, second, first);
            secret(first);
            secure(gateway, edge, first, second);
            assertThat(gateway.output() + pilot.output()).doesNotContain("PRIVATE KEY");
        } finally {
            kubectl.run("delete", "gateway,virtualservice", "secure", "-n", "edge");
        }
    }

    @Test
    void whoMayNotReadSecretsIsGivenNone() throws Exception {
        int edge = PORTS.next();
        kubectl.run("create", "namespace", "poor");
        kubectl.run("create", "serviceaccount", "ingress", "-n", "poor");
        kubectl.apply(HTTPS.replace("$edge", "" + edge).replace("namespace: edge", "namespace: poor"));
        Path certificate = certificate("poor");
        kubectl.run(
                "create",
                "secret",
                "tls",
                "secure-cert",
                "-n",
                "poor",
                "--cert=" + certificate,
                "--key=" + key(certificate));
        Path token = Files.writeString(
                work.resolve("poor-token"),
                kubectl.run("create", "token", "ingress", "-n", "poor", "--audience", "istio-ca")
                        .strip());
        try (Program gateway = gateway("ingress-poor", "poor", token)) {
            await("the pilot: " + pilot)
                    .atMost(PATIENCE)
                    .until(() -> pilot.output()
                            .contains(
                                    "spiffe://cluster.local/ns/poor/sa/ingress may not list secrets in its namespace"));
            await("the gateway: " + gateway)
                    .atMost(PATIENCE)
                    .until(() -> !curl(edge, certificate).equals("0 secure"));
        } finally {
            kubectl.run("delete", "gateway,virtualservice", "secure", "-n", "poor");
        }
    }

    // With its key beside it.
    private static Path certificate(String name) throws Exception {
        var bundle = new CertificateBuilder()
                .subject("CN=" + name)
                .ecp256()
                .setIsCertificateAuthority(true)
                .addSanDnsName("secure.example")
                .buildSelfSigned();
        Path file = Files.writeString(work.resolve(name + ".pem"), bundle.getCertificatePEM());
        Files.writeString(key(file), bundle.getPrivateKeyPEM());
        return file;
    }

    private static Path key(Path certificate) {
        return certificate.resolveSibling(certificate.getFileName() + ".key");
    }

    private static void secret(Path certificate) throws IOException {
        kubectl.apply(kubectl.run(
                "create",
                "secret",
                "tls",
                "secure-cert",
                "-n",
                "edge",
                "--cert=" + certificate,
                "--key=" + key(certificate),
                "--dry-run=client",
                "-o",
                "yaml"));
    }

    // curl takes what is shown now, and nothing else.
    private static void secure(Program gateway, int port, Path shown, Path other) throws Exception {
        try {
            await().atMost(PATIENCE).until(() -> curl(port, shown), "0 secure"::equals);
        } catch (ConditionTimeoutException e) {
            throw new AssertionError(
                    "curl says \"" + curl(port, shown) + "\"; the gateway says\n" + gateway + "\nthe pilot says\n"
                            + pilot,
                    e);
        }
        assertThat(curl(port, other)).doesNotStartWith("0 ");
    }

    // Exit status and what it says.
    private static String curl(int port, Path authority) throws IOException, InterruptedException {
        var curl = new ProcessBuilder(
                        "curl",
                        "--silent",
                        "--show-error",
                        "--max-time",
                        "10",
                        "--noproxy",
                        "*",
                        "--cacert",
                        authority.toString(),
                        "--resolve",
                        "secure.example:" + port + ":127.0.0.1",
                        "https://secure.example:" + port + "/")
                .redirectErrorStream(true)
                .start();
        String said = new String(curl.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return curl.waitFor() + " " + said.strip();
    }

    /// One connection over TLS, for several requests.
    private static final class KeptOpen implements AutoCloseable {
        private final SSLSocket socket;

        KeptOpen(int port, Path authority) throws Exception {
            KeyStore trusted = KeyStore.getInstance("PKCS12");
            trusted.load(null, null);
            trusted.setCertificateEntry(
                    "ca",
                    CertificateFactory.getInstance("X.509")
                            .generateCertificate(new ByteArrayInputStream(Files.readAllBytes(authority))));
            var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init(trusted);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, factory.getTrustManagers(), null);
            var plain = new Socket(InetAddress.getLoopbackAddress(), port);
            plain.setSoTimeout(10_000);
            socket = (SSLSocket) context.getSocketFactory().createSocket(plain, "secure.example", port, true);
            socket.startHandshake();
        }

        String get() throws IOException {
            socket.getOutputStream()
                    .write("GET / HTTP/1.1\r\nHost: secure.example\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            socket.getOutputStream().flush();
            var said = new StringBuilder();
            while (said.indexOf("\r\n\r\nsecure") < 0) {
                int next = socket.getInputStream().read();
                if (next < 0) {
                    return "closed after: " + said;
                }
                said.append((char) next);
            }
            return "secure";
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    @Test
    void aTokenOfAnotherNamespaceOpensNothing() throws Exception {
        kubectl.run("create", "namespace", "other");
        kubectl.run("create", "serviceaccount", "ingress", "-n", "other");
        Path token = Files.writeString(
                work.resolve("foreign-token"),
                kubectl.run("create", "token", "ingress", "-n", "other", "--audience", "istio-ca")
                        .strip());
        try (Program gateway = gateway("impostor-1", token)) {
            await("pilot " + pilot)
                    .atMost(PATIENCE)
                    .until(() -> pilot.output()
                            .contains("spiffe://cluster.local/ns/other/sa/ingress may not be node"
                                    + " \"router~127.0.0.1~impostor-1.edge~edge.svc.cluster.local\""));
            assertThat(gateway.isAlive()).as("it goes on asking").isTrue();
        }
    }
}
