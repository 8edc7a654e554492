package dev.mesh.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Interception on real nodes in all its forms: by IPv4 and IPv6, by REDIRECT and TPROXY, with rules of iptables and of
/// nftables. The applications answer with the address of their caller that they see.
@OnCluster
@SuppressWarnings("NullAway.Init") // set by JUnit
class InterceptionClusterTest {
    private static final String NAMESPACE = "interception-test";
    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final String TPROXY = "sidecar.istio.io/interceptionMode: TPROXY";
    // How the injector's settings stand in the ConfigMap's JSON.
    private static final String NFTABLES = "\\\"nativeNftables\\\": ";

    private static InstalledMesh mesh;
    private static Cluster cluster;

    @BeforeAll
    static void deploys() {
        mesh = InstalledMesh.shared();
        cluster = mesh.cluster();
        assumeTrue(cluster.isOurs(), "uses an image that only our own cluster has");
        cluster.createNamespace(NAMESPACE, "mesh.dev/injection=enabled");
        String settings = settings();
        assertThat(settings).contains(NFTABLES + false);
        cluster.kubectl()
                .execute(settings.replace(NFTABLES + false, NFTABLES + true), "apply", "-f", "-")
                .succeeded();
        try {
            awaitInjection(true);
            apply(deployment("nft", "nft", "") + deployment("nft-tproxy", "nft-tproxy", TPROXY));
            await().atMost(PATIENCE)
                    .until(() ->
                            field("pods", "{.items[*].metadata.labels.app}").split(" ").length == 2);
        } finally {
            cluster.kubectl()
                    .execute(settings().replace(NFTABLES + true, NFTABLES + false), "apply", "-f", "-")
                    .succeeded();
            awaitInjection(false);
        }
        apply(deployment("web-v1", "web", "")
                + deployment("web-v2", "web", "")
                + deployment("tproxy", "tproxy", TPROXY)
                + deployment("client", "client", "")
                + deployment("plain", "plain", "sidecar.istio.io/inject: 'false'")
                + service("web")
                + service("tproxy")
                + service("nft")
                + service("nft-tproxy")
                + ROUTES);
        if (dual()) {
            families("PreferDualStack");
            apply(deployment(
                            "asker",
                            "asker",
                            "proxy.istio.io/config: \"proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}\"")
                    .replace(
                            "      containers:",
                            "      dnsPolicy: None\n      dnsConfig: {nameservers: [\"" + nameServer()
                                    + "\"], searches: [" + NAMESPACE
                                    + ".svc.cluster.local, svc.cluster.local, cluster.local]}\n"
                                    + "      containers:"));
        }
        mesh.awaitDeployments(NAMESPACE);
    }

    @AfterAll
    static void removes() {
        if (cluster != null && cluster.isOurs()) {
            families("SingleStack");
            cluster.deleteNamespace(NAMESPACE);
        }
    }

    private static void families(String policy) {
        cluster.kubectl()
                .run(
                        "patch",
                        "service",
                        "ingressgateway",
                        "-n",
                        InstalledMesh.NAMESPACE,
                        "-p",
                        "{\"spec\":{\"ipFamilyPolicy\":\"" + policy + "\"}}");
    }

    private static String settings() {
        return cluster.kubectl()
                .run("get", "configmap", "mesh-sidecar-injector", "-n", InstalledMesh.NAMESPACE, "-o", "json");
    }

    private static void awaitInjection(boolean nftables) {
        await().atMost(PATIENCE)
                .until(() -> cluster.kubectl()
                                .run("run", "any", "-n", NAMESPACE, "--image=any", "--dry-run=server", "-o", "json")
                                .contains("--native-nftables")
                        == nftables);
    }

    private static void apply(String yaml) {
        cluster.kubectl().execute(yaml, "apply", "-n", NAMESPACE, "-f", "-").succeeded();
    }

    private static String deployment(String name, String app, String annotation) {
        return """
                ---
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: NAME}
                spec:
                  selector: {matchLabels: {name: NAME}}
                  template:
                    metadata:
                      labels: {name: NAME, app: APP}
                      annotations: {ANNOTATION}
                    spec:
                      containers:
                      - name: app
                        image: docker.io/local/probe:1
                        args: [serve]
                        ports: [{containerPort: 8080}]
                """.replace("NAME", name).replace("APP", app).replace("ANNOTATION", annotation);
    }

    private static String service(String name) {
        return """
                ---
                apiVersion: v1
                kind: Service
                metadata: {name: %1$s}
                spec:
                  ipFamilyPolicy: PreferDualStack
                  selector: {app: %1$s}
                  ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 90, targetPort: 8080}]
                """.formatted(name);
    }

    private static final String ROUTES = """
            ---
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: web}
            spec: {host: web, subsets: [{name: v2, labels: {name: web-v2}}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: web}
            spec:
              hosts: [web]
              http: [{headers: {request: {set: {x-routed: here}}}, route: [{destination: {host: web, subset: v2}}]}]
            ---
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: edge}
            spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: edge}
            spec:
              hosts: ["*"]
              gateways: [edge]
              http: [{match: [{uri: {exact: /by-any-family}}], route: [{destination: {host: web, port: {number: 80}}}]}]
            ---
            apiVersion: networking.istio.io/v1
            kind: ServiceEntry
            metadata: {name: unknown}
            spec:
              hosts: [six.db.internal]
              ports: [{number: 9000, name: tcp, protocol: TCP}]
              resolution: STATIC
              endpoints: [{address: 192.0.2.9}]
            """;

    private static String field(String object, String path) {
        return cluster.kubectl()
                .run("get", object, "-n", NAMESPACE, "-o", "jsonpath=" + path)
                .strip();
    }

    private static boolean dual() {
        return !nameServer().isEmpty();
    }

    private static String nameServer() {
        return cluster.kubectl()
                .run("get", "service", "kube-dns", "-n", "kube-system", "-o", "jsonpath={.spec.clusterIPs[1]}");
    }

    /// The names and addresses that a Service has, as URLs say them.
    private static List<String> hosts(String service) {
        var hosts = new ArrayList<>(List.of(service));
        for (String address :
                field("service/" + service, "{.spec.clusterIPs[*]}").split(" ")) {
            hosts.add(address.contains(":") ? "[" + address + "]" : address);
        }
        assertThat(hosts).hasSize(dual() ? 3 : 2);
        return hosts;
    }

    /// The addresses of a Deployment's only pod, as an application prints them.
    private static List<String> addresses(String deployment) {
        return List.of(field("pods", "{.items[?(@.metadata.labels.name==\"" + deployment + "\")].status.podIPs[*].ip}")
                .split(" "));
    }

    private static String get(String from, String url) {
        return cluster.exec(NAMESPACE, "deployment/" + from, "app", "/probe", "get", url);
    }

    /// Whom the application at an address sees as its caller.
    private static String seen(String from, String url) {
        String address = get(from, url)
                .lines()
                .filter(line -> line.startsWith("from: "))
                .findFirst()
                .orElseThrow()
                .substring("from: ".length());
        return address.substring(0, address.lastIndexOf(':')).replaceAll("[\\[\\]]", "");
    }

    @ParameterizedTest
    @ValueSource(strings = {"client", "tproxy", "nft", "nft-tproxy"})
    void whatGoesOutIsRoutedByWhateverAddress(String from) {
        for (String host : hosts("web")) {
            assertThat(get(from, "http://" + host + "/")).as(host).contains("host: web-v2-", "X-Routed: here");
        }
    }

    /// The addresses that REDIRECT's sidecars call their applications from are not captured again.
    @ParameterizedTest
    @ValueSource(strings = {"web", "nft"})
    void whatComesInGoesThroughTheSidecar(String service) {
        for (String host : hosts(service)) {
            String expected = host.startsWith("[") ? "::6" : "127.0.0.6";
            // Names lead to the family that the client likes.
            assertThat(seen("plain", "http://" + host + "/"))
                    .as(host)
                    .isIn(host.equals(service) ? List.of("::6", "127.0.0.6") : List.of(expected));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"tproxy", "nft-tproxy"})
    void withTproxyTheApplicationSeesItsClient(String service) {
        List<String> plain = addresses("plain");
        List<String> client = addresses("client");
        List<String> own = addresses(service);
        for (String host : hosts(service)) {
            for (int port : new int[] {80, 90}) {
                String url = "http://" + host + ":" + port + "/";
                String from = seen("plain", url);
                assertThat(from).as(url).isIn(plain);
                if (!host.equals(service)) {
                    assertThat(from.contains(":")).as(url).isEqualTo(host.startsWith("["));
                }
                // Its sidecar is the client.
                assertThat(seen("client", url)).as(url).isIn(client);
                assertThat(seen(service, url)).as("itself, " + url).isIn(own);
            }
        }
        assertThat(cluster.exec(
                        NAMESPACE,
                        "deployment/" + service,
                        "istio-proxy",
                        "wget",
                        "-q",
                        "-O",
                        "-",
                        "http://127.0.0.1:15000/stats"))
                .containsPattern("cluster\\.inbound\\|8080\\|\\|\\.upstream_cx_total: [1-9]");
    }

    @Test
    void aGatewayIsReachedByBothFamilies() {
        List<String> addresses = await().atMost(PATIENCE)
                .until(
                        () -> List.of(cluster.kubectl()
                                .run(
                                        "get",
                                        "service",
                                        "ingressgateway",
                                        "-n",
                                        InstalledMesh.NAMESPACE,
                                        "-o",
                                        "jsonpath={.status.loadBalancer.ingress[*].ip}")
                                .split(" ")),
                        found -> found.size() == (dual() ? 2 : 1));
        for (String address : addresses) {
            String host = address.contains(":") ? "[" + address + "]" : address;
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(mesh.status("http://" + host + "/by-any-family"))
                            .as(host)
                            .isEqualTo("200"));
        }
    }

    @Test
    void questionsToANameServerOfIpv6ComeToTheProxyToo() {
        assumeTrue(dual(), "the cluster has IPv4 alone");
        assertThat(cluster.exec(NAMESPACE, "deployment/asker", "app", "/probe", "resolve", "six.db.internal"))
                .startsWith("240.240.");
        assertThat(cluster.exec(NAMESPACE, "deployment/asker", "app", "/probe", "resolve", "web")
                        .lines())
                .containsExactlyInAnyOrder(
                        field("service/web", "{.spec.clusterIPs[*]}").split(" "));
        assertThat(get("asker", "http://web/")).contains("X-Routed: here");
    }
}
