package dev.mesh.pilot.kube;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.mesh.api.k8s.EndpointSlice;
import dev.mesh.api.k8s.Pod;
import dev.mesh.api.k8s.Secret;
import dev.mesh.api.meshconfig.MeshConfig;
import dev.mesh.api.networking.VirtualService;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.object.Spec;
import dev.mesh.pilot.kubeconfig.KubernetesClients;
import dev.mesh.pilot.registry.Registry;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The source on a real API server. Runs where `-Dkube` names the program: `make e2e`.
@OnApiServer
@SuppressWarnings("NullAway.Init") // set by JUnit
class KubeSourceClusterTest {
    private static final String NAMESPACES = """
            apiVersion: v1
            kind: Namespace
            metadata: {name: %s}
            """;

    @TempDir
    private static Path work;

    private static TestApiServer server;
    private static KubernetesClient admin;

    @BeforeAll
    static void start() throws IOException {
        Awaitility.setDefaultTimeout(60, SECONDS);
        server = new TestApiServer(work);
        admin = server.admin();
    }

    @AfterAll
    static void end() {
        if (server != null) {
            admin.close();
            server.close();
        }
    }

    private static void apply(String yaml) {
        admin.load(new ByteArrayInputStream(yaml.getBytes(StandardCharsets.UTF_8)))
                .serverSideApply();
    }

    private static void status(String yaml) {
        for (HasMetadata object : admin.load(new ByteArrayInputStream(yaml.getBytes(StandardCharsets.UTF_8)))
                .items()) {
            admin.resource(object).patchStatus();
        }
    }

    private static void delete(String yaml) {
        admin.load(new ByteArrayInputStream(yaml.getBytes(StandardCharsets.UTF_8)))
                .delete();
    }

    private static KubeSource source(Path kubeconfig, Registry registry) throws IOException {
        return new KubeSource(
                new KubeOptions(kubeconfig, "mesh-system", "default", "Kubernetes", "cluster.local"),
                registry,
                () -> {});
    }

    private static <T extends Spec> Optional<T> find(Registry registry, Class<T> type, String namespace, String name) {
        return registry.objects().stream()
                .filter(object -> type.isInstance(object.spec())
                        && object.ref().namespace().equals(namespace)
                        && object.ref().name().equals(name))
                .map(object -> type.cast(object.spec()))
                .findFirst();
    }

    @Test
    void whatIsThereIsReadAndWhatChangesIsFollowed() throws IOException {
        apply(NAMESPACES.formatted("follow"));
        apply("""
                apiVersion: v1
                kind: Service
                metadata: {name: web, namespace: follow, annotations: {example.com/note: kept}}
                spec: {clusterIP: 10.96.7.7, selector: {app: web}, ports: [{name: http, port: 80, targetPort: web}]}
                """);
        String pod = """
                apiVersion: v1
                kind: Pod
                metadata: {name: web-1, namespace: follow, labels: {app: web}}
                spec:
                  automountServiceAccountToken: false
                  containers: [{name: web, image: web, ports: [{name: web, containerPort: 8080}]}]
                status: {phase: Running, podIP: 10.244.1.1, podIPs: [{ip: 10.244.1.1}], conditions: [{type: Ready, status: "True"}]}
                """;
        apply("""
                apiVersion: v1
                kind: ServiceAccount
                metadata: {name: default, namespace: follow}
                """);
        apply(pod);
        String slice = """
                apiVersion: discovery.k8s.io/v1
                kind: EndpointSlice
                metadata: {name: web-1, namespace: follow, labels: {kubernetes.io/service-name: web}}
                addressType: IPv4
                ports: [{name: http, port: 8080, protocol: TCP}]
                endpoints: [{addresses: [10.244.1.1], conditions: {ready: true}}]
                """;
        apply(slice);
        var registry = new Registry();
        try (var source = source(server.kubeconfig(), registry)) {
            assertThat(source.waitsFor()).isEqualTo("the API server");

            source.read();
            source.start();

            assertThat(source.waitsFor()).isEmpty();
            assertThat(find(registry, dev.mesh.api.k8s.Service.class, "follow", "web"))
                    .hasValueSatisfying(web -> assertThat(web.clusterIP()).isEqualTo("10.96.7.7"));
            assertThat(find(registry, Pod.class, "follow", "web-1"))
                    .hasValueSatisfying(web -> assertThat(web.namedPorts()).containsEntry("web", 8080));
            assertThat(find(registry, EndpointSlice.class, "follow", "web-1")).isPresent();
            assertThat(registry.findings()).isEmpty();

            status(pod);
            await().untilAsserted(() -> assertThat(find(registry, Pod.class, "follow", "web-1"))
                    .hasValueSatisfying(web -> assertThat(web.isReady()).isTrue()));
            apply(slice.replace("10.244.1.1", "10.244.1.2"));
            await().untilAsserted(() -> assertThat(find(registry, EndpointSlice.class, "follow", "web-1"))
                    .hasValueSatisfying(web ->
                            assertThat(web.endpoints().getFirst().addresses()).containsExactly("10.244.1.2")));
            delete(slice);
            await().untilAsserted(() -> assertThat(find(registry, EndpointSlice.class, "follow", "web-1"))
                    .isEmpty());
        }
    }

    private static final String CRD = """
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: virtualservices.networking.istio.io}
            spec:
              group: networking.istio.io
              scope: Namespaced
              names: {kind: VirtualService, plural: virtualservices, singular: virtualservice, listKind: VirtualServiceList}
              versions:
                - name: v1beta1
                  served: true
                  storage: true
                  schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
            """;

    private static String virtualService(String name, String labels, int weight) {
        return """
                apiVersion: networking.istio.io/v1beta1
                kind: VirtualService
                metadata: {name: %s, namespace: rules, labels: {%s}}
                spec:
                  hosts: [reviews]
                  http: [{timeout: 0.5s, route: [{destination: {host: reviews}, weight: %d}]}]
                """.formatted(name, labels, weight);
    }

    @Test
    void aKindThatIsInstalledLaterIsReadAndForgottenWhenItGoes() throws IOException {
        apply(NAMESPACES.formatted("rules"));
        var registry = new Registry();
        try (var source = source(server.kubeconfig(), registry)) {
            source.read();
            source.start();
            assertThat(source.waitsFor()).isEmpty();

            apply(CRD);
            await().ignoreExceptions().untilAsserted(() -> apply(virtualService("reviews", "", 100)));
            await().untilAsserted(() -> assertThat(find(registry, VirtualService.class, "rules", "reviews"))
                    .isPresent());

            // What cannot be read leaves the last good one in place, and says where it is wrong.
            apply(virtualService("reviews", "", -1));
            await().untilAsserted(() -> assertThat(registry.findings())
                    .anySatisfy(finding -> assertThat(finding.toString())
                            .contains("VirtualService rules/reviews: spec.http[0].route[0].weight")));
            assertThat(find(registry, VirtualService.class, "rules", "reviews"))
                    .hasValueSatisfying(rule -> assertThat(
                                    rule.http().getFirst().route().getFirst().weight())
                            .isEqualTo(100));

            // Another pilot's objects are not ours; when an object becomes another's, it goes.
            apply(virtualService("theirs", "istio.io/rev: canary", 100));
            apply(virtualService("ours", "istio.io/rev: default", 100));
            await().untilAsserted(() -> assertThat(find(registry, VirtualService.class, "rules", "ours"))
                    .isPresent());
            assertThat(find(registry, VirtualService.class, "rules", "theirs")).isEmpty();
            apply(virtualService("ours", "istio.io/rev: canary", 100));
            await().untilAsserted(() -> assertThat(find(registry, VirtualService.class, "rules", "ours"))
                    .isEmpty());

            delete(CRD);
            await().untilAsserted(() -> assertThat(registry.objects())
                    .extracting(MeshObject::spec)
                    .noneMatch(VirtualService.class::isInstance));
        }
    }

    // Both forms: that of `istioctl tag set`, and that of the charts, whose injector selects by its tags.
    @Test
    void whatIsForATagOfTheRevisionIsReadAsLongAsItLeadsHere() throws IOException {
        apply(NAMESPACES.formatted("rules"));
        apply(CRD);
        await().ignoreExceptions().untilAsserted(() -> apply(virtualService("tagged", "istio.io/rev: prod", 100)));
        apply(virtualService("charted", "istio.io/rev: stable", 100));
        apply(virtualService("theirs", "istio.io/rev: canary", 100));
        String tag = """
                apiVersion: admissionregistration.k8s.io/v1
                kind: MutatingWebhookConfiguration
                metadata: {name: istio-revision-tag-prod, labels: {istio.io/tag: prod, istio.io/rev: %s}}
                """;
        String injector = """
                apiVersion: admissionregistration.k8s.io/v1
                kind: MutatingWebhookConfiguration
                metadata: {name: mesh-sidecar-injector, labels: {istio.io/rev: default}}
                webhooks:
                - name: rev.mesh.dev
                  clientConfig: {url: "https://127.0.0.1:1/inject"}
                  sideEffects: None
                  admissionReviewVersions: [v1]
                  failurePolicy: Ignore
                  namespaceSelector: {matchExpressions: [{key: istio.io/rev, operator: In, values: [default, stable]}]}
                  rules: []
                """;
        apply(injector);
        var registry = new Registry();
        try (var source = source(server.kubeconfig(), registry)) {
            source.read();
            assertThat(rules(registry)).as("at once").containsExactly("charted");
            source.start();

            apply(tag.formatted("default"));
            await().untilAsserted(() -> assertThat(rules(registry)).containsExactly("charted", "tagged"));
            apply(virtualService("new", "istio.io/rev: prod", 100));
            await().untilAsserted(() -> assertThat(rules(registry)).contains("new"));
            apply(tag.formatted("canary"));
            await().untilAsserted(() -> assertThat(rules(registry)).containsExactly("charted"));
        } finally {
            delete(injector);
            delete(tag.formatted("canary"));
            delete(CRD);
        }
    }

    private static List<String> rules(Registry registry) {
        return registry.objects().stream()
                .filter(object -> object.spec() instanceof VirtualService)
                .map(object -> object.ref().name())
                .sorted()
                .toList();
    }

    @Test
    void whatIsNotAllowedIsSaidAndReadOnceItIs() throws IOException {
        apply("""
                apiVersion: v1
                kind: ServiceAccount
                metadata: {name: poor, namespace: default}
                ---
                apiVersion: rbac.authorization.k8s.io/v1
                kind: ClusterRole
                metadata: {name: poor}
                rules:
                  - {apiGroups: [""], resources: [services, nodes, namespaces], verbs: [get, list, watch]}
                  - {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
                  - {apiGroups: [""], resources: [configmaps, secrets], verbs: [get, list, watch]}
                  - {apiGroups: [networking.istio.io], resources: ["*"], verbs: [get, list, watch]}
                ---
                apiVersion: rbac.authorization.k8s.io/v1
                kind: ClusterRoleBinding
                metadata: {name: poor}
                roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: poor}
                subjects: [{kind: ServiceAccount, name: poor, namespace: default}]
                """);
        var request = new io.fabric8.kubernetes.api.model.authentication.TokenRequest();
        String token = admin.serviceAccounts()
                .inNamespace("default")
                .withName("poor")
                .tokenRequest(request)
                .getStatus()
                .getToken();
        Path kubeconfig = Files.writeString(work.resolve("poor"), """
                apiVersion: v1
                kind: Config
                clusters: [{name: c, cluster: {server: "%s", insecure-skip-tls-verify: true}}]
                users: [{name: u, user: {token: "%s"}}]
                contexts: [{name: x, context: {cluster: c, user: u}}]
                current-context: x
                """.formatted(admin.getMasterUrl(), token));
        var registry = new Registry();
        try (var source = source(kubeconfig, registry)) {
            source.read();
            source.start();

            assertThat(source.waitsFor())
                    .isEqualTo("pods (not allowed: grant the pilot's service account the verbs get, list and watch on"
                            + " pods)");
            assertThat(find(registry, dev.mesh.api.k8s.Service.class, "default", "kubernetes"))
                    .as("the rest is read")
                    .isPresent();

            apply("""
                    apiVersion: rbac.authorization.k8s.io/v1
                    kind: ClusterRole
                    metadata: {name: poor-no-more}
                    rules: [{apiGroups: [""], resources: [pods], verbs: [get, list, watch]}]
                    ---
                    apiVersion: rbac.authorization.k8s.io/v1
                    kind: ClusterRoleBinding
                    metadata: {name: poor-no-more}
                    roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: poor-no-more}
                    subjects: [{kind: ServiceAccount, name: poor, namespace: default}]
                    """);
            await().untilAsserted(() -> assertThat(source.waitsFor()).isEmpty());
        }
    }

    @Test
    void anApiServerThatIsAwayTakesNothingWithIt() throws IOException {
        apply(NAMESPACES.formatted("away"));
        String service = """
                apiVersion: v1
                kind: Service
                metadata: {name: %s, namespace: away}
                spec: {ports: [{name: http, port: 80}]}
                """;
        apply(service.formatted("stays"));
        apply(service.formatted("goes"));
        var registry = new Registry();
        try (var forwarder =
                new Forwarder(URI.create(admin.getMasterUrl().toString()).getPort())) {
            Path kubeconfig = Files.writeString(
                    work.resolve("forwarded"),
                    Files.readString(server.kubeconfig())
                            .replaceAll("https://127.0.0.1:[0-9]+", "https://127.0.0.1:" + forwarder.port()));
            try (var source = source(kubeconfig, registry)) {
                source.read();
                source.start();
                assertThat(find(registry, dev.mesh.api.k8s.Service.class, "away", "goes"))
                        .isPresent();

                forwarder.cut();
                delete(service.formatted("goes"));
                apply(service.formatted("comes"));
                assertThat(find(registry, dev.mesh.api.k8s.Service.class, "away", "goes"))
                        .as("what was read stays")
                        .isPresent();
                assertThat(source.waitsFor()).as("and serves on").isEmpty();
                forwarder.open();

                await().untilAsserted(() -> assertThat(List.of("stays", "goes", "comes").stream()
                                .filter(name -> find(registry, dev.mesh.api.k8s.Service.class, "away", name)
                                        .isPresent()))
                        .containsExactly("stays", "comes"));
            }
        }
    }

    // Its memory of changes begins with its start, so that a watch cannot go on where it was: 410 Gone.
    @Test
    void anApiServerThatWasRestartedOnTheSameEtcdLosesNothing() throws Exception {
        apply(NAMESPACES.formatted("restart"));
        String service = """
                apiVersion: v1
                kind: Service
                metadata: {name: %s, namespace: restart, annotations: {example.com/is: "%s"}}
                spec: {ports: [{name: http, port: 80}]}
                """;
        for (String name : List.of("stays", "changes", "goes")) {
            apply(service.formatted(name, "old"));
        }
        var registry = new Registry();
        int before = URI.create(admin.getMasterUrl().toString()).getPort();
        try (var forwarder = new Forwarder(before)) {
            Path kubeconfig = Files.writeString(
                    work.resolve("restarted"),
                    Files.readString(server.kubeconfig())
                            .replaceAll("https://127.0.0.1:[0-9]+", "https://127.0.0.1:" + forwarder.port()));
            try (var source = source(kubeconfig, registry)) {
                source.read();
                source.start();
                assertThat(services(registry)).containsOnlyKeys("stays", "changes", "goes");

                String version =
                        admin.services().inAnyNamespace().list().getMetadata().getResourceVersion();
                forwarder.cut();
                delete(service.formatted("goes", "old"));
                apply(service.formatted("changes", "new"));
                apply(service.formatted("comes", "new"));
                try (var another = server.another()) {
                    try (KubernetesClient there = KubernetesClients.of(Files.writeString(
                            work.resolve("another"),
                            Files.readString(server.kubeconfig())
                                    .replaceAll("https://127.0.0.1:[0-9]+", "https://127.0.0.1:" + another.port())))) {
                        await().ignoreExceptions().until(() -> there.raw("/readyz"), "ok"::equals);
                        assertThat(there.raw("/api/v1/services?watch=true&timeoutSeconds=1&resourceVersion=" + version))
                                .as("a watch from before")
                                .contains("\"code\":410");
                    }
                    assertThat(services(registry)).as("meanwhile").containsOnlyKeys("stays", "changes", "goes");
                    forwarder.lead(another.port());
                    forwarder.open();

                    await().untilAsserted(() -> assertThat(services(registry))
                            .isEqualTo(Map.of("stays", "old", "changes", "new", "comes", "new")));
                    // And it is watched on.
                    apply(service.formatted("later", "new"));
                    await().untilAsserted(() -> assertThat(services(registry)).containsKey("later"));
                    assertThat(source.waitsFor()).isEmpty();
                }
            }
        }
    }

    private static Map<String, String> services(Registry registry) {
        var found = new TreeMap<String, String>();
        registry.objects().stream()
                .filter(object ->
                        object.ref().namespace().equals("restart") && object.spec() instanceof dev.mesh.api.k8s.Service)
                .forEach(object -> found.put(
                        object.ref().name(), object.metadata().annotations().getOrDefault("example.com/is", "")));
        return found;
    }

    private static final String GATEWAYS = """
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: gateways.networking.istio.io}
            spec:
              group: networking.istio.io
              scope: Namespaced
              names: {kind: Gateway, plural: gateways, singular: gateway, listKind: GatewayList}
              versions:
                - name: v1
                  served: true
                  storage: true
                  schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
            """;

    private static String gateway(String credential) {
        return """
                apiVersion: networking.istio.io/v1
                kind: Gateway
                metadata: {name: edge, namespace: secret}
                spec:
                  selector: {istio: ingressgateway}
                  servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: %s}}]
                """.formatted(credential);
    }

    private static String secret(String name, String type, X509Bundle certificate, X509Bundle key) {
        return """
                apiVersion: v1
                kind: Secret
                metadata: {name: %s, namespace: secret}
                type: %s
                stringData:
                  tls.crt: |
                %s
                  tls.key: |
                %s
                """.formatted(
                        name,
                        type,
                        certificate.getCertificatePEM().indent(4).stripTrailing(),
                        key.getPrivateKeyPEM().indent(4).stripTrailing());
    }

    @Test
    void onlySecretsThatAreNamedAreHeldAndTheLastGoodOneStays() throws Exception {
        apply(NAMESPACES.formatted("secret"));
        var first = certificate("first");
        var second = certificate("second");
        apply(secret("edge-cert", "kubernetes.io/tls", first, first));
        apply(secret("later-cert", "Opaque", second, second));
        apply(secret("nobodys", "kubernetes.io/tls", first, first));
        apply(GATEWAYS);
        await().ignoreExceptions().untilAsserted(() -> apply(gateway("edge-cert")));
        var registry = new Registry();
        try (var source = source(server.kubeconfig(), registry)) {
            source.read();
            assertThat(secrets(registry)).as("when all is read").containsExactly("edge-cert");
            source.start();
            assertThat(chain(registry, "edge-cert"))
                    .isEqualTo(first.getCertificatePEM().replace("\r", "").strip());

            apply(secret("edge-cert", "kubernetes.io/tls", second, second));
            await().untilAsserted(() -> assertThat(chain(registry, "edge-cert"))
                    .isEqualTo(second.getCertificatePEM().replace("\r", "").strip()));

            apply(secret("edge-cert", "kubernetes.io/tls", first, second));
            await().untilAsserted(() -> assertThat(registry.findings())
                    .anySatisfy(finding -> assertThat(finding.toString())
                            .contains("Secret secret/edge-cert: data[tls.key]: the private key is not that of")
                            .doesNotContain("BEGIN")));
            assertThat(chain(registry, "edge-cert"))
                    .as("the last good one")
                    .isEqualTo(second.getCertificatePEM().replace("\r", "").strip());

            // Named later, it is asked for; what nobody names any more is forgotten.
            apply(gateway("later-cert"));
            await().untilAsserted(() -> assertThat(secrets(registry)).containsExactly("later-cert"));
            delete(secret("later-cert", "Opaque", second, second));
            await().untilAsserted(() -> assertThat(secrets(registry)).isEmpty());
            apply(secret("later-cert", "Opaque", first, first));
            await().untilAsserted(() -> assertThat(secrets(registry)).containsExactly("later-cert"));
            delete(gateway("later-cert"));
            await().untilAsserted(() -> assertThat(secrets(registry)).isEmpty());
        } finally {
            delete(GATEWAYS);
        }
    }

    private static X509Bundle certificate(String name) throws Exception {
        return new CertificateBuilder()
                .subject("CN=" + name)
                .ecp256()
                .setIsCertificateAuthority(true)
                .buildSelfSigned();
    }

    private static List<String> secrets(Registry registry) {
        return registry.objects().stream()
                .filter(object -> object.spec() instanceof Secret)
                .map(object -> object.ref().name())
                .toList();
    }

    private static String chain(Registry registry, String name) {
        return find(registry, Secret.class, "secret", name)
                .flatMap(secret -> Optional.ofNullable(secret.bytes("tls.crt")))
                .map(bytes -> new String(bytes, StandardCharsets.UTF_8).strip())
                .orElse("");
    }

    @Test
    void theSettingsOfTheMeshAreFollowed() throws IOException {
        apply(NAMESPACES.formatted("mesh-system"));
        String settings = """
                apiVersion: v1
                kind: ConfigMap
                metadata: {name: mesh, namespace: mesh-system}
                data:
                  mesh: |
                    outboundTrafficPolicy: {mode: %s}
                """;
        apply(settings.formatted("REGISTRY_ONLY"));
        var registry = new Registry();
        try (var source = source(server.kubeconfig(), registry)) {
            source.read();
            source.start();
            assertThat(find(registry, MeshConfig.class, "mesh-system", "mesh"))
                    .hasValueSatisfying(
                            mesh -> assertThat(mesh.isRegistryOnly()).isTrue());

            apply(settings.formatted("ALLOW_ANY"));
            await().untilAsserted(() -> assertThat(find(registry, MeshConfig.class, "mesh-system", "mesh"))
                    .hasValueSatisfying(
                            mesh -> assertThat(mesh.isRegistryOnly()).isFalse()));
            apply(settings.formatted("ALLOW_ALL"));
            await().untilAsserted(() -> assertThat(registry.findings()).isNotEmpty());
            assertThat(find(registry, MeshConfig.class, "mesh-system", "mesh"))
                    .as("the last good one stays")
                    .isPresent();

            delete(settings.formatted("ALLOW_ANY"));
            await().untilAsserted(() -> assertThat(find(registry, MeshConfig.class, "mesh-system", "mesh"))
                    .isEmpty());
        }
    }
}
