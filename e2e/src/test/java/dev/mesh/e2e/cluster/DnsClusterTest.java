package dev.mesh.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// A pod whose DNS questions come to its proxy, on real nodes: the names of the mesh, those that no DNS knows, and the
/// rest by CoreDNS. The client is Go's resolver.
@OnCluster
@SuppressWarnings("NullAway.Init") // set by JUnit
class DnsClusterTest {
    private static final String NAMESPACE = "dns-test";
    private static final Duration A_MOMENT = Duration.ofSeconds(10);

    private static Cluster cluster;

    @BeforeAll
    static void deploys() {
        cluster = InstalledMesh.shared().cluster();
        cluster.requireProbe();
        cluster.createNamespace(NAMESPACE, "mesh.dev/injection=enabled");
        cluster.kubectl()
                .execute(
                        deployment("one", "")
                                + deployment("two", "")
                                + deployment("plain", "")
                                + deployment(
                                        "client",
                                        "proxy.istio.io/config: \"proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}\"")
                                + service(
                                        "one",
                                        "{selector: {app: one}, ports: [{name: http, port: 80, targetPort: 8080}]}")
                                + service(
                                        "two",
                                        "{selector: {app: two}, ports: [{name: http, port: 80, targetPort: 8080}]}")
                                + service(
                                        "members",
                                        "{clusterIP: None, selector: {app: member}, ports: [{name: http, port: 8080}]}")
                                + service(
                                        "elsewhere",
                                        "{type: ExternalName, externalName: one." + NAMESPACE + ".svc.cluster.local}")
                                + MEMBERS
                                + entry("one")
                                + entry("two"),
                        "apply",
                        "-n",
                        NAMESPACE,
                        "-f",
                        "-")
                .succeeded();
        for (String name : new String[] {"deployment/one", "deployment/two", "deployment/plain", "deployment/client"}) {
            cluster.awaitRollout(NAMESPACE, name);
        }
        cluster.awaitRollout(NAMESPACE, "statefulset/member");
    }

    @AfterAll
    static void removes() {
        if (cluster != null) {
            cluster.deleteNamespace(NAMESPACE);
        }
    }

    private static String deployment(String name, String annotation) {
        return """
                ---
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: NAME}
                spec:
                  selector: {matchLabels: {app: NAME}}
                  template:
                    metadata:
                      labels: {app: NAME}
                      annotations: {ANNOTATION}
                    spec:
                      containers:
                      - name: app
                        image: docker.io/local/probe:1
                        args: [serve]
                        ports: [{containerPort: 8080}]
                """.replace("NAME", name).replace("ANNOTATION", annotation);
    }

    private static String service(String name, String spec) {
        return """
                ---
                apiVersion: v1
                kind: Service
                metadata: {name: %s}
                spec: %s
                """.formatted(name, spec);
    }

    private static final String MEMBERS = """
            ---
            apiVersion: apps/v1
            kind: StatefulSet
            metadata: {name: member}
            spec:
              serviceName: members
              selector: {matchLabels: {app: member}}
              template:
                metadata: {labels: {app: member}}
                spec:
                  containers:
                  - name: app
                    image: docker.io/local/probe:1
                    args: [serve]
                    ports: [{containerPort: 8080}]
            """;

    // A host that no DNS knows, on the port that all of them have; connections lead to a Service.
    private static String entry(String name) {
        return """
                ---
                apiVersion: networking.istio.io/v1
                kind: ServiceEntry
                metadata: {name: %1$s}
                spec:
                  hosts: [%1$s.db.internal]
                  ports: [{number: 9000, name: tcp, protocol: TCP, targetPort: 80}]
                  resolution: DNS
                  endpoints: [{address: %1$s.%2$s.svc.cluster.local}]
                """.formatted(name, NAMESPACE);
    }

    private static Kubectl.Result probe(String from, String... command) {
        String[] all = new String[command.length + 1];
        all[0] = "/probe";
        System.arraycopy(command, 0, all, 1, command.length);
        return cluster.tryExec(NAMESPACE, "deployment/" + from, "app", all);
    }

    private static String resolved(String name) {
        return probe("client", "resolve", name).succeeded().output().strip();
    }

    private static String field(String object, String path) {
        return cluster.kubectl()
                .run("get", object, "-n", NAMESPACE, "-o", "jsonpath={" + path + "}")
                .strip();
    }

    @Test
    void aServiceIsFoundByItsShortName() {
        String address = field("service/one", ".spec.clusterIP");
        assertThat(resolved("one")).isEqualTo(address);
        assertThat(resolved("one." + NAMESPACE)).isEqualTo(address);
        assertThat(probe("client", "get", "http://one/").succeeded().output()).startsWith("host: one-");
    }

    @Test
    void theMemberOfAHeadlessServiceHasANameOfItsOwn() {
        assertThat(resolved("member-0.members")).isEqualTo(field("pod/member-0", ".status.podIP"));
    }

    @Test
    void hostsThatNoDnsKnowsAreFoundAndReachedAndToldApartOnOnePort() {
        assertThat(resolved("one.db.internal")).startsWith("240.240.").isNotEqualTo(resolved("two.db.internal"));
        await().atMost(Duration.ofMinutes(1)).untilAsserted(() -> {
            assertThat(probe("client", "get", "http://one.db.internal:9000/").output())
                    .startsWith("host: one-");
            assertThat(probe("client", "get", "http://two.db.internal:9000/").output())
                    .startsWith("host: two-");
        });
    }

    @Test
    void meshctlShowsWhatAProxyAnswersAndWhereThatLeads() {
        var mesh = InstalledMesh.shared();
        String client = "deployment/client." + NAMESPACE;
        // Of both families, where the cluster has them.
        List<String> addresses = resolved("two.db.internal").lines().toList();
        assertThat(mesh.meshctl("proxy-config", "names", client).succeeded().output())
                .containsPattern("two\\.db\\.internal +" + String.join(",", addresses) + " +External")
                .containsPattern("one\\." + NAMESPACE + "\\.svc\\.cluster\\.local +[0-9.]+ +Kubernetes +" + NAMESPACE);
        assertThat(mesh.meshctl("explain", "tcp://two.db.internal:9000", "--from", client)
                        .succeeded()
                        .output())
                .contains("the proxy answers " + String.join(", ", addresses), "outbound|9000||two.db.internal");
        assertThat(mesh.meshctl("proxy-config", "names", "deployment/plain." + NAMESPACE)
                        .errors())
                .contains("no names: this proxy answers no DNS questions");
    }

    @Test
    void whoDoesNotAskForItIsNotAnsweredByItsProxy() {
        assertThat(probe("plain", "resolve", "one.db.internal").status()).isNotZero();
        assertThat(probe("plain", "resolve", "one").succeeded().output().strip())
                .isEqualTo(field("service/one", ".spec.clusterIP"));
    }

    /// An alias of DNS is none of the mesh's names.
    @Test
    void whatTheMeshDoesNotKnowIsAskedOfTheClustersNameServer() {
        assertThat(resolved("elsewhere")).isEqualTo(field("service/one", ".spec.clusterIP"));
        assertThat(probe("client", "resolve", "nobody.invalid").status()).isNotZero();
    }

    @Test
    void aNewEntryIsFoundWithinAMoment() {
        assertThat(probe("client", "resolve", "new.db.internal").status()).isNotZero();
        cluster.kubectl()
                .execute(
                        entry("one").replace("one.db", "new.db").replace("{name: one}", "{name: new}"),
                        "apply",
                        "-n",
                        NAMESPACE,
                        "-f",
                        "-")
                .succeeded();
        await().atMost(A_MOMENT)
                .until(() ->
                        probe("client", "resolve", "new.db.internal").output().startsWith("240.240."));
    }
}
