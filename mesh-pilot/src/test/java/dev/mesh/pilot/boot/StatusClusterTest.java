package dev.mesh.pilot.boot;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.pilot.kube.KubeOptions;
import dev.mesh.pilot.kube.KubeSource;
import dev.mesh.pilot.kube.OnApiServer;
import dev.mesh.pilot.kube.TestApiServer;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What pilots write on objects of a real API server, with the charts' own CRDs. Runs where `-Dkube` names the program:
/// `make e2e`.
@OnApiServer
@SuppressWarnings("NullAway.Init") // set by JUnit
class StatusClusterTest {
    private static final Path CRDS = Path.of("..", "charts", "mesh-base", "files", "crds");

    @TempDir
    private static Path work;

    private static TestApiServer server;
    private static KubernetesClient admin;

    private final List<Pilot> pilots = new ArrayList<>();

    @BeforeAll
    static void start() throws IOException {
        Awaitility.setDefaultTimeout(60, SECONDS);
        server = new TestApiServer(work);
        admin = server.admin();
        for (String kind : List.of("virtualservices", "gateways", "destinationrules", "workloadentries")) {
            apply(Files.readString(CRDS.resolve(kind + ".networking.istio.io.yaml")));
        }
        for (String namespace : List.of("mesh-system", "shop")) {
            apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n".formatted(namespace));
        }
        apply("""
                apiVersion: v1
                kind: Service
                metadata: {name: web, namespace: shop}
                spec: {ports: [{name: http, port: 80}]}
                """);
    }

    @AfterAll
    static void end() {
        if (server != null) {
            admin.close();
            server.close();
        }
    }

    @AfterEach
    void stop() throws IOException {
        for (Pilot pilot : pilots) {
            pilot.close();
        }
        admin.genericKubernetesResources("networking.istio.io/v1", "VirtualService")
                .inNamespace("shop")
                .delete();
    }

    private static void apply(String yaml) {
        await().ignoreExceptionsMatching(
                        e -> e instanceof KubernetesClientException refused && refused.getCode() == 404)
                .untilAsserted(() -> admin.load(new ByteArrayInputStream(yaml.getBytes(StandardCharsets.UTF_8)))
                        .serverSideApply());
    }

    private Pilot pilot(Path kubeconfig, String revision) throws IOException {
        var cluster = new KubeOptions(kubeconfig, "mesh-system", revision, "Kubernetes", "cluster.local");
        var pilot = new Pilot((registry, onChange) -> new KubeSource(cluster, registry, onChange), 0);
        pilots.add(pilot);
        pilot.start(started -> MeshServers.start(started, cluster, "cluster.local", 0, 0));
        return pilot;
    }

    private static String rule(String name, String labels, String host, String path) {
        return """
                apiVersion: networking.istio.io/v1
                kind: VirtualService
                metadata: {name: %s, namespace: shop, labels: {%s}}
                spec:
                  hosts: [%s.example]
                  http: [{match: [{uri: {regex: "%s"}}], route: [{destination: {host: %s}}]}]
                """.formatted(name, labels, name, path, host);
    }

    private static GenericKubernetesResource rule(String name) {
        return Objects.requireNonNull(admin.genericKubernetesResources("networking.istio.io/v1", "VirtualService")
                .inNamespace("shop")
                .withName(name)
                .get());
    }

    private static Map<?, ?> status(String name) {
        return rule(name).getAdditionalProperties().get("status") instanceof Map<?, ?> status ? status : Map.of();
    }

    private static void awaitMissingHost(String name) {
        await().untilAsserted(() -> assertThat(status(name).toString())
                .contains("type=PassedAnalysis", "status=False", "reason=WarningsFound")
                .contains("message=1 warning: spec.http[0].route[0].destination.host: nowhere.shop")
                .contains("code=HOST_NOT_FOUND")
                .contains("observedGeneration=" + rule(name).getMetadata().getGeneration()));
    }

    @Test
    void whatIsWrongStandsOnTheObjectUntilItIsMendedAndNothingIsPushedForIt() throws IOException {
        apply(rule("lost", "", "nowhere", "/a"));
        apply(rule("broken", "", "web", "("));
        apply(rule("good", "", "web", "/a"));
        apply(rule("theirs", "istio.io/rev: canary", "nowhere", "/a"));
        var one = pilot(server.kubeconfig(), "default");
        pilot(server.kubeconfig(), "default");
        long revision = Objects.requireNonNull(one.newest()).revision();

        awaitMissingHost("lost");
        await().untilAsserted(() -> assertThat(status("broken").toString())
                .contains("type=Reconciled", "reason=Invalid", "type=PassedAnalysis", "reason=ErrorsFound")
                .contains("spec.http[0].match[0].uri.regex"));
        assertThat(status("good")).as("nothing to say").isEmpty();
        assertThat(status("theirs")).as("another pilot's").isEmpty();

        // What others say of it stays.
        admin.resource(rule("lost")).subresource("status").patch(PatchContext.of(PatchType.JSON), """
                        [{"op": "add", "path": "/status/conditions/-", "value": {"type": "Liked", "status": "True"}}]
                        """);
        String written = rule("lost").getMetadata().getResourceVersion();
        apply(rule("last", "", "nowhere", "/a"));
        awaitMissingHost("last");
        assertThat(rule("lost").getMetadata().getResourceVersion())
                .as("not written again")
                .isEqualTo(written);
        assertThat(Objects.requireNonNull(one.newest()).revision())
                .as("one snapshot for the new object, none for what was written on objects")
                .isEqualTo(revision + 1);

        // Mended by itself, and by another object.
        apply(rule("broken", "", "web", "/a"));
        apply("""
                apiVersion: v1
                kind: Service
                metadata: {name: nowhere, namespace: shop}
                spec: {ports: [{name: http, port: 80}]}
                """);
        try {
            await().untilAsserted(() -> {
                assertThat(status("broken")).isEmpty();
                assertThat(status("lost").toString()).isEqualTo("{conditions=[{status=True, type=Liked}]}");
                assertThat(status("last")).isEmpty();
            });
        } finally {
            admin.services().inNamespace("shop").withName("nowhere").delete();
        }
        awaitMissingHost("lost");
        assertThat(one.troubles()).isEmpty();
    }

    @Test
    void anotherReplicaWritesOnWhenTheLeaderGoes() throws IOException {
        apply(rule("first", "", "nowhere", "/a"));
        pilot(server.kubeconfig(), "default");
        awaitMissingHost("first");
        pilot(server.kubeconfig(), "default");

        pilots.removeFirst().close();
        apply(rule("second", "", "nowhere", "/a"));

        awaitMissingHost("second");
    }

    @Test
    void whatAllRevisionsReadIsWrittenOnByOneOfThem() throws IOException {
        apply(rule("everyones", "", "nowhere", "/a"));
        apply(rule("theirs", "istio.io/rev: canary", "nowhere", "/a"));
        pilot(server.kubeconfig(), "canary");

        awaitMissingHost("theirs");
        awaitMissingHost("everyones");

        // The first by name: that of no revision.
        pilot(server.kubeconfig(), "default");
        await().until(() -> admin.leases()
                        .inNamespace("mesh-system")
                        .withName("mesh-pilot-leader")
                        .get()
                != null);
        apply(rule("later", "", "nowhere", "/a"));
        awaitMissingHost("later");
    }

    @Test
    void whatAnotherMeshSaysInNamespacesThatAreNotDiscoveredStays() throws IOException {
        apply("""
                apiVersion: v1
                kind: ConfigMap
                metadata: {name: mesh, namespace: mesh-system}
                data:
                  mesh: |
                    discoverySelectors: [{matchLabels: {kubernetes.io/metadata.name: shop}}]
                ---
                apiVersion: v1
                kind: Namespace
                metadata: {name: far}
                """);
        apply(rule("told", "", "web", "/a").replace("namespace: shop", "namespace: far"));
        var rules = admin.genericKubernetesResources("networking.istio.io/v1", "VirtualService")
                .inNamespace("far");
        rules.withName("told").subresource("status").patch(PatchContext.of(PatchType.JSON_MERGE), """
                        {"status": {"conditions": [{"type": "PassedAnalysis", "status": "False"}]}}
                        """);
        String written = rules.withName("told").get().getMetadata().getResourceVersion();
        try {
            apply(rule("lost", "", "nowhere", "/a"));
            pilot(server.kubeconfig(), "default");
            awaitMissingHost("lost");
            apply(rule("last", "", "nowhere", "/a"));
            awaitMissingHost("last"); // a pass over all objects has ended before

            assertThat(rules.withName("told").get().getMetadata().getResourceVersion())
                    .as("not written on")
                    .isEqualTo(written);
        } finally {
            rules.delete();
            admin.configMaps().inNamespace("mesh-system").withName("mesh").delete();
        }
    }

    @Test
    void missingRightsAreSaidAndOnceTheyAreThereItIsWritten() throws IOException {
        apply(rule("lost", "", "nowhere", "/a"));
        apply("""
                apiVersion: v1
                kind: ServiceAccount
                metadata: {name: silent, namespace: default}
                ---
                apiVersion: rbac.authorization.k8s.io/v1
                kind: ClusterRole
                metadata: {name: silent}
                rules:
                - apiGroups: ["", admissionregistration.k8s.io, authentication.k8s.io, authorization.k8s.io, coordination.k8s.io, discovery.k8s.io]
                  resources: ["*"]
                  verbs: ["*"]
                - apiGroups: [networking.istio.io]
                  resources: ["*"]
                  verbs: [get, list, watch]
                ---
                apiVersion: rbac.authorization.k8s.io/v1
                kind: ClusterRoleBinding
                metadata: {name: silent}
                roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: silent}
                subjects: [{kind: ServiceAccount, name: silent, namespace: default}]
                """);
        var pilot = pilot(kubeconfig("silent"), "default");

        await().untilAsserted(() -> assertThat(pilot.troubles())
                .containsExactly("cannot write what is found about virtualservices.networking.istio.io on the objects:"
                        + " not allowed; grant the pilot's service account the verb patch on virtualservices/status in"
                        + " networking.istio.io"));
        assertThat(pilot.waitsFor()).as("it serves all the same").isEmpty();

        apply("""
                apiVersion: rbac.authorization.k8s.io/v1
                kind: ClusterRole
                metadata: {name: silent-no-more}
                rules: [{apiGroups: [networking.istio.io], resources: ["*/status"], verbs: [patch]}]
                ---
                apiVersion: rbac.authorization.k8s.io/v1
                kind: ClusterRoleBinding
                metadata: {name: silent-no-more}
                roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: silent-no-more}
                subjects: [{kind: ServiceAccount, name: silent, namespace: default}]
                """);
        awaitMissingHost("lost");
        await().untilAsserted(() -> assertThat(pilot.troubles()).isEmpty());
    }

    private static Path kubeconfig(String account) throws IOException {
        String token = admin.serviceAccounts()
                .inNamespace("default")
                .withName(account)
                .tokenRequest(new io.fabric8.kubernetes.api.model.authentication.TokenRequest())
                .getStatus()
                .getToken();
        return Files.writeString(work.resolve(account), """
                apiVersion: v1
                kind: Config
                clusters: [{name: c, cluster: {server: "%s", insecure-skip-tls-verify: true}}]
                users: [{name: u, user: {token: "%s"}}]
                contexts: [{name: x, context: {cluster: c, user: u}}]
                current-context: x
                """.formatted(admin.getMasterUrl(), token));
    }
}
