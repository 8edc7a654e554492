package dev.mesh.pilot.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.ObjectReader;
import dev.mesh.pilot.inject.Injection;
import dev.mesh.pilot.inject.InjectionCase;
import dev.mesh.pilot.inject.Json;
import dev.mesh.pilot.kube.OnApiServer;
import dev.mesh.pilot.kube.TestApiServer;
import dev.mesh.pilot.webhook.ClusterSettings;
import dev.mesh.pilot.webhook.TestCertificate;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The webhooks as a real API server calls them: what they answer is what it then keeps, or refuses.
@OnApiServer
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class WebhooksClusterTest {
    private static final String POD = """
            apiVersion: v1
            kind: Pod
            metadata:
              generateName: web-
              labels: {app: web}
              annotations: {prometheus.io/port: "9102"}
            spec:
              initContainers: [{name: first, image: "web:1"}]
              containers:
              - name: web
                image: web:1
                ports: [{name: http, containerPort: 8080}]
                readinessProbe: {httpGet: {path: /ready, port: http}}
                livenessProbe: {tcpSocket: {port: 8080}}
                startupProbe: {grpc: {port: 9000}}
            """;
    private static final String CRD = """
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: %2$s.networking.istio.io}
            spec:
              group: networking.istio.io
              scope: Namespaced
              names: {kind: %1$s, plural: %2$s, singular: %3$s, listKind: %1$sList}
              versions:
              - name: v1
                served: true
                storage: true
                schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
            """;

    @TempDir
    private static Path work;

    private static final List<MeshObject> OBJECTS = new CopyOnWriteArrayList<>();
    private static TestApiServer api;
    private static KubernetesClient client;
    private static Webhooks webhooks;

    @BeforeAll
    static void start() throws IOException, InterruptedException, GeneralSecurityException {
        api = new TestApiServer(work.resolve("api"));
        client = api.admin();
        namespace("mesh-system", "");
        namespace("shop", "istio-injection: enabled");
        namespace("classic", "mesh.dev/injection: enabled");
        namespace("plain", "");
        apply(CRD.formatted("VirtualService", "virtualservices", "virtualservice"));
        apply(CRD.formatted("Gateway", "gateways", "gateway"));
        var certificate = TestCertificate.make(work);
        webhooks = new Webhooks(
                client,
                "mesh-system",
                "default",
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                certificate,
                () -> OBJECTS);
        webhooks.start();
        configure(certificate.caBundle());
    }

    @AfterAll
    static void stop() throws InterruptedException {
        if (webhooks != null) {
            webhooks.close();
        }
        if (client != null) {
            client.close();
        }
        api.close();
    }

    private static void namespace(String name, String labels) {
        apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + ", labels: {" + labels + "}}\n");
        // Without controllers nobody else makes them.
        for (String account : List.of("default", "reviews", "reader")) {
            apply("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: " + account + ", namespace: " + name + "}\n");
        }
    }

    private static void apply(String yaml) {
        client.resource(yaml).serverSideApply();
    }

    /// As the chart has them, by URL.
    private static void configure(String caBundle) {
        String webhook = """
                - name: %s.sidecar-injector.mesh.dev
                  clientConfig: {url: "https://127.0.0.1:%d/inject", caBundle: %s}
                  rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]
                  failurePolicy: Fail
                  sideEffects: None
                  admissionReviewVersions: [v1]
                  namespaceSelector: {matchLabels: {%s: enabled}}
                """;
        apply("apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\n"
                + "metadata: {name: mesh-sidecar-injector}\nwebhooks:\n"
                + webhook.formatted("istio", webhooks.port(), caBundle, "istio-injection")
                + webhook.formatted("mesh", webhooks.port(), caBundle, "mesh.dev/injection"));
        apply("""
                apiVersion: admissionregistration.k8s.io/v1
                kind: ValidatingWebhookConfiguration
                metadata: {name: mesh-validator, labels: {app.kubernetes.io/name: mesh-pilot, istio.io/rev: default}}
                webhooks:
                - name: validation.mesh.dev
                  clientConfig: {url: "https://127.0.0.1:%d/validate", caBundle: %s}
                  rules: [{operations: [CREATE, UPDATE], apiGroups: [networking.istio.io], apiVersions: ["*"], resources: ["*"]}]
                  failurePolicy: Ignore
                  sideEffects: None
                  admissionReviewVersions: [v1]
                """.formatted(webhooks.port(), caBundle));
    }

    private static JsonObject create(String namespace, String pod) {
        return post(
                "/api/v1/namespaces/" + namespace + "/pods?fieldValidation=Strict",
                dev.mesh.api.read.JsonTree.parse(pod).toString());
    }

    private static JsonObject post(String path, String json) {
        return JsonParser.parseString(client.raw(path, "POST", json)).getAsJsonObject();
    }

    private static List<String> names(JsonObject pod, String list) {
        return Json.objects(pod, "spec", list).stream()
                .map(item -> Json.text(item, "name"))
                .toList();
    }

    static List<InjectionCase> cases() {
        return InjectionCase.all().toList();
    }

    /// Every pod of the golden folders is one that the API server takes, without a field that it does not know.
    @ParameterizedTest
    @MethodSource("cases")
    @Order(1)
    void theApiServerTakesEveryInjectedPod(InjectionCase golden) {
        if (golden.inject(golden.pod()) instanceof Injection.Injected done) {
            JsonObject pod = done.pod().deepCopy();
            pod.addProperty("apiVersion", "v1");
            pod.addProperty("kind", "Pod");
            pod.getAsJsonObject("metadata").addProperty("namespace", "plain");
            JsonObject kept = post("/api/v1/namespaces/plain/pods?dryRun=All&fieldValidation=Strict", pod.toString());
            assertThat(names(kept, "initContainers")).isEqualTo(names(pod, "initContainers"));
            assertThat(names(kept, "containers")).isEqualTo(names(pod, "containers"));
        }
    }

    @Test
    @Order(2)
    void aPodInALabelledNamespaceComesBackWithANativeSidecar() {
        JsonObject pod = create("shop", POD);

        assertThat(names(pod, "initContainers")).containsExactly("istio-init", "istio-proxy", "first");
        JsonObject proxy = Json.objects(pod, "spec", "initContainers").get(1);
        assertThat(Json.text(proxy, "restartPolicy")).isEqualTo("Always");
        JsonObject web = Json.objects(pod, "spec", "containers").getFirst();
        assertThat(Json.text(web, "readinessProbe", "httpGet", "path")).isEqualTo("/app-health/web/readyz");
        assertThat(Json.text(web, "livenessProbe", "httpGet", "port")).isEqualTo("15020");
        assertThat(Json.text(web, "startupProbe", "httpGet", "path")).isEqualTo("/app-health/web/startupz");
        assertThat(Json.text(pod, "metadata", "annotations", "prometheus.io/port"))
                .isEqualTo("15020");
    }

    @Test
    @Order(3)
    void settingsAreFollowedLive() {
        apply("""
                apiVersion: v1
                kind: ConfigMap
                metadata: {name: mesh-sidecar-injector, namespace: mesh-system}
                data:
                  values: '{"global": {"hub": "registry.example.com/mesh", "tag": "7"}, "sidecarInjectorWebhook": {"nativeSidecars": "false"}}'
                """);
        apply("""
                apiVersion: v1
                kind: ConfigMap
                metadata: {name: mesh, namespace: mesh-system}
                data:
                  mesh: "defaultConfig: {holdApplicationUntilProxyStarts: true}"
                """);
        await().untilAsserted(() -> {
            JsonObject pod = create("classic", POD);
            assertThat(names(pod, "initContainers")).containsExactly("first", "istio-init");
            assertThat(names(pod, "containers")).containsExactly("istio-proxy", "web");
            assertThat(Json.text(Json.objects(pod, "spec", "containers").getFirst(), "image"))
                    .isEqualTo("registry.example.com/mesh/proxy:7");
        });
        // What cannot be read leaves the last good settings in effect.
        injectorConfig("policy: perhaps");
        assertThat(names(create("classic", POD), "containers")).contains("istio-proxy");
        injectorConfig("policy: enabled");
        await().untilAsserted(() ->
                assertThat(names(create("classic", POD), "initContainers")).startsWith("istio-init", "istio-proxy"));
    }

    private static void injectorConfig(String config) {
        apply("""
                apiVersion: v1
                kind: ConfigMap
                metadata: {name: mesh-sidecar-injector, namespace: mesh-system}
                data: {config: "%s", values: "{}"}
                """.formatted(config));
    }

    @Test
    @Order(4)
    void anImpossiblePodIsRefusedWithASentence() {
        assertThatThrownBy(() -> create(
                        "shop",
                        POD.replace("image: web:1\n", "image: web:1\n    securityContext: {runAsUser: 1337}\n")))
                .isInstanceOf(KubernetesClientException.class)
                .hasMessageContaining("denied the request: the pod cannot get a proxy: spec.containers[0]"
                        + ".securityContext.runAsUser: 1337 is the proxy's own");
    }

    private static String route(String name, int weight) {
        return "{\"apiVersion\": \"networking.istio.io/v1\", \"kind\": \"VirtualService\", \"metadata\": {\"name\": \""
                + name
                + "\"}, \"spec\": {\"hosts\": [\"web\"], \"http\": [{\"route\": [{\"destination\": {\"host\": \"web\"},"
                + " \"weight\": " + weight + "}]}]}}";
    }

    @Test
    @Order(5)
    void validationBecomesBindingAndRefusesWithTheFieldsPath() {
        await().untilAsserted(() -> assertThat(client.admissionRegistration()
                        .v1()
                        .validatingWebhookConfigurations()
                        .withName("mesh-validator")
                        .get()
                        .getWebhooks()
                        .getFirst()
                        .getFailurePolicy())
                .isEqualTo("Fail"));
        String path = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices";
        assertThatThrownBy(() -> post(path, route("wrong", -1)))
                .hasMessageContaining(
                        "VirtualService is invalid: spec.http[0].route[0].weight: -1 (expected: 0 or more)");
        assertThat(Json.text(post(path, route("right", 100)), "metadata", "name"))
                .isEqualTo("right");
    }

    @Test
    @Order(6)
    void anObjectIsLookedAtBesideTheOthers() {
        OBJECTS.addAll(ObjectReader.read("x", route("first", 100).replace("\"web\"", "\"web.shop.svc.cluster.local\""))
                .objects());
        MeshObject second = ObjectReader.read(
                        "x", route("second", 100).replace("\"web\"", "\"web.shop.svc.cluster.local\""))
                .objects()
                .getFirst();
        assertThat(Webhooks.across(second, OBJECTS)).isNotEmpty();
        assertThat(Webhooks.across(OBJECTS.getFirst(), new ArrayList<>(OBJECTS)))
                .as("beside itself")
                .noneMatch(finding -> finding.message().contains("second"));
    }

    @Test
    @Order(7)
    void checkInjectSaysWhichRuleDecides() throws IOException {
        String pod = Json.text(create("shop", POD), "metadata", "name");
        String none = Json.text(create("plain", POD), "metadata", "name");
        String kubeconfig = work.resolve("api/kubeconfig").toString();
        JsonObject yes = JsonParser.parseString(InjectMain.run(
                        "check-inject",
                        List.of("--kubeconfig", kubeconfig, "--object", pod, "--object-namespace", "shop")))
                .getAsJsonObject();
        assertThat(Json.text(yes, "injected")).isEqualTo("true");
        JsonObject no = JsonParser.parseString(InjectMain.run(
                        "check-inject",
                        List.of("--kubeconfig", kubeconfig, "--object", none, "--object-namespace", "plain")))
                .getAsJsonObject();
        assertThat(Json.text(no, "injected")).isEqualTo("false");
        assertThat(no.toString()).contains("its namespaceSelector does not match the namespace's labels");
    }

    @Test
    @Order(8)
    void istiosLabelsAreLeftToIstiosInjector() {
        apply("""
                apiVersion: admissionregistration.k8s.io/v1
                kind: MutatingWebhookConfiguration
                metadata: {name: istio-sidecar-injector}
                webhooks:
                - name: namespace.sidecar-injector.istio.io
                  clientConfig: {service: {name: istiod, namespace: istio-system, path: /inject}}
                  failurePolicy: Ignore
                  sideEffects: None
                  admissionReviewVersions: [v1]
                  objectSelector: {matchLabels: {never: matches}}
                """);
        try (var settings = new ClusterSettings(client, "mesh-system", "default")) {
            assertThat(settings.settings().istioLabels()).isFalse();
            assertThat(settings.describe()).contains("istio-sidecar-injector");
        }
        await().untilAsserted(() ->
                assertThat(names(create("shop", POD), "initContainers")).containsExactly("first"));
        assertThat(names(create("classic", POD), "initContainers")).contains("istio-proxy");
        client.admissionRegistration()
                .v1()
                .mutatingWebhookConfigurations()
                .withName("istio-sidecar-injector")
                .delete();
        await().untilAsserted(() ->
                assertThat(names(create("shop", POD), "initContainers")).contains("istio-proxy"));
    }

    @Test
    @Order(9)
    void aDeadPilotStopsOnlyPodsOfLabelledNamespaces() {
        webhooks.close();
        assertThatThrownBy(() -> create("shop", POD)).hasMessageContaining("failed calling webhook");
        assertThat(names(create("plain", POD), "containers")).containsExactly("web");
    }
}
