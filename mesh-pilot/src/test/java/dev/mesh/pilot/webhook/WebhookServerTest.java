package dev.mesh.pilot.webhook;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.mesh.api.finding.Finding;
import dev.mesh.api.object.MeshObject;
import dev.mesh.api.read.JsonTree;
import dev.mesh.pilot.inject.Json;
import io.fabric8.zjsonpatch.JsonPatch;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The HTTPS port as the API server meets it.
class WebhookServerTest {
    private static final String POD =
            "{metadata: {generateName: a-, labels: {app: a}}, spec: {containers: [{name: a, image: a}]}}";

    @TempDir
    private static Path work;

    private static final FixedState STATE = new FixedState();
    private static final AtomicInteger ASKED = new AtomicInteger();

    private static List<Finding> beside = List.of();
    private static WebhookServer server;
    private static HttpClient client;

    @BeforeAll
    static void serve() throws IOException, InterruptedException, GeneralSecurityException {
        var certificate = TestCertificate.make(work);
        server = new WebhookServer(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                certificate,
                STATE,
                List::of,
                WebhookServerTest::across);
        server.start();
        client = HttpClient.newBuilder().sslContext(certificate.trusting()).build();
    }

    @AfterAll
    static void close() {
        client.close();
        server.close();
    }

    private static List<Finding> across(MeshObject object) {
        if (object.ref().name().equals("early")) {
            return ASKED.getAndIncrement() == 0
                    ? List.of(new Finding(Finding.Code.HOST_NOT_FOUND, null, "spec.hosts[0]", "not known", null))
                    : List.of();
        }
        return object.ref().name().equals("beside") ? beside : List.of();
    }

    private static HttpResponse<String> post(String path, String type, String body)
            throws IOException, InterruptedException {
        return client.send(
                HttpRequest.newBuilder(URI.create("https://127.0.0.1:" + server.port() + path))
                        .header("Content-Type", type)
                        .POST(HttpRequest.BodyPublishers.ofString(body))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    private static JsonObject review(String operation, String kind, String object) {
        return JsonTree.parse("{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {uid: u-1, operation: "
                        + operation + ", namespace: shop, kind: {kind: " + kind + "}, object: " + object + "}}")
                .getAsJsonObject();
    }

    private static JsonObject ask(String path, JsonObject review) throws IOException, InterruptedException {
        var response = post(path, "application/json", review.toString());
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        JsonObject answer = JsonParser.parseString(response.body()).getAsJsonObject();
        assertThat(Json.text(answer, "apiVersion")).isEqualTo(Json.text(review, "apiVersion"));
        assertThat(Json.text(answer, "response", "uid")).isEqualTo("u-1");
        return Json.object(answer, "response");
    }

    private static JsonObject patched(JsonObject response, String object) throws IOException {
        var mapper = new ObjectMapper();
        var patch = mapper.readTree(Base64.getDecoder().decode(Json.text(response, "patch")));
        return JsonParser.parseString(JsonPatch.apply(
                                patch, mapper.readTree(JsonTree.parse(object).toString()))
                        .toString())
                .getAsJsonObject();
    }

    @ParameterizedTest
    @ValueSource(strings = {"admission.k8s.io/v1", "admission.k8s.io/v1beta1"})
    void aPodGetsAProxy(String version) throws IOException, InterruptedException {
        JsonObject review = review("CREATE", "Pod", POD);
        review.addProperty("apiVersion", version);

        JsonObject response = ask("/inject", review);

        assertThat(Json.text(response, "allowed")).isEqualTo("true");
        assertThat(Json.text(response, "patchType")).isEqualTo("JSONPatch");
        assertThat(Json.objects(patched(response, POD), "spec", "initContainers"))
                .extracting(container -> Json.text(container, "name"))
                .containsExactly("istio-init", "istio-proxy");
    }

    @Test
    void thePathMayNameClusterAndNetwork() throws IOException, InterruptedException {
        JsonObject response = ask("/inject/cluster/east/net/net--slash--1", review("CREATE", "Pod", POD));

        assertThat(patched(response, POD).toString())
                .contains("{\"name\":\"ISTIO_META_CLUSTER_ID\",\"value\":\"east\"}")
                .contains("{\"name\":\"ISTIO_META_NETWORK\",\"value\":\"net/1\"}");
    }

    @Test
    void anImpossiblePodIsRefusedWithASentence() throws IOException, InterruptedException {
        String pod = POD.replace("image: a", "image: a, securityContext: {runAsUser: 1337}");

        JsonObject response = ask("/inject", review("CREATE", "Pod", pod));

        assertThat(Json.text(response, "allowed")).isEqualTo("false");
        assertThat(Json.text(response, "status", "message"))
                .isEqualTo("the pod cannot get a proxy: spec.containers[0].securityContext.runAsUser: 1337 is the"
                        + " proxy's own, whose traffic is not intercepted (expected: another)");
    }

    @ParameterizedTest
    @ValueSource(strings = {"DELETE", "UPDATE", "CONNECT"})
    void onlyCreationIsTouched(String operation) throws IOException, InterruptedException {
        JsonObject response = ask("/inject", review(operation, "Pod", operation.equals("DELETE") ? "null" : POD));

        assertThat(Json.text(response, "allowed")).isEqualTo("true");
        assertThat(Json.text(response, "patch")).isEmpty();
    }

    /// What was last heard of a namespace may be older than the pod: before a pod goes without, it is asked anew.
    @Test
    void besideIstiosInjectorOurOwnLabelCountsAndIsAskedForAnew() throws IOException, InterruptedException {
        try {
            STATE.settings = STATE.settings.withIstioLabels(false);
            assertThat(Json.text(ask("/inject", review("CREATE", "Pod", POD)), "patch"))
                    .isEmpty();
            STATE.fresh.put("shop", Map.of("mesh.dev/injection", "enabled"));
            assertThat(Json.text(ask("/inject", review("CREATE", "Pod", POD)), "patch"))
                    .isNotEmpty();
        } finally {
            STATE.settings = STATE.settings.withIstioLabels(true);
            STATE.fresh.clear();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "hello",
                "[]",
                "{",
                "{} {}",
                "{\"kind\": \"AdmissionReview\"}",
                "{\"apiVersion\": \"admission.k8s.io/v2\", \"kind\": \"AdmissionReview\", \"request\": {\"uid\": \"1\"}}",
                "{\"apiVersion\": \"admission.k8s.io/v1\", \"kind\": \"AdmissionReview\"}",
                "{\"apiVersion\": \"admission.k8s.io/v1\", \"kind\": \"AdmissionReview\", \"request\": []}"
            })
    void whatIsNoReviewIsRefusedWithASentence(String body) throws IOException, InterruptedException {
        for (String path : List.of("/inject", "/validate")) {
            var response = post(path, "application/json", body);
            assertThat(response.statusCode()).isEqualTo(400);
            assertThat(response.body()).isNotBlank().doesNotContain("Exception");
        }
    }

    @Test
    void deepAndLargeBodiesDoNoHarm() throws IOException, InterruptedException {
        assertThat(post("/inject", "application/json", "[".repeat(2_000_000)).statusCode())
                .isEqualTo(400);
        assertThat(post("/inject", "application/json", "a".repeat(WebhookServer.MOST_BYTES + 1))
                        .statusCode())
                .isEqualTo(413);
        assertThat(post("/inject", "text/yaml", "{}").statusCode()).isEqualTo(415);
        assertThat(client.send(
                                HttpRequest.newBuilder(URI.create("https://127.0.0.1:" + server.port() + "/validate"))
                                        .build(),
                                HttpResponse.BodyHandlers.ofString())
                        .statusCode())
                .isEqualTo(405);
        assertThat(Json.text(ask("/inject", review("CREATE", "Pod", POD)), "allowed"))
                .isEqualTo("true");
    }

    private static final String ROUTE =
            "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: reviews}, spec: {hosts: [reviews],"
                    + " http: [{route: [{destination: {host: reviews}, weight: -1}]}]}}";

    @Test
    void anInvalidObjectIsRefusedWithFieldPathAndExpectation() throws IOException, InterruptedException {
        JsonObject response = ask("/validate", review("CREATE", "VirtualService", ROUTE));

        assertThat(Json.text(response, "allowed")).isEqualTo("false");
        assertThat(Json.text(response, "status", "message"))
                .isEqualTo("VirtualService is invalid: spec.http[0].route[0].weight: -1 (expected: 0 or more)");
    }

    @Test
    void aFieldThatIsNotKnownIsAWarningAndTheRestIsJudged() throws IOException, InterruptedException {
        JsonObject fine = ask(
                "/validate",
                review(
                        "UPDATE",
                        "VirtualService",
                        ROUTE.replace("weight: -1", "wait: 1").replace("hosts", "x: 1, hosts")));
        assertThat(Json.text(fine, "allowed")).isEqualTo("true");
        assertThat(fine.toString()).contains("spec.http[0].route[0].wait", "spec.x");

        JsonObject wrong = ask("/validate", review("UPDATE", "VirtualService", ROUTE.replace("hosts", "x: 1, hosts")));
        assertThat(Json.text(wrong, "status", "message")).contains("weight: -1").doesNotContain("spec.x");
    }

    @Test
    void anObjectMayGetItsNameLater() throws IOException, InterruptedException {
        JsonObject response = ask(
                "/validate",
                review(
                        "CREATE",
                        "VirtualService",
                        ROUTE.replace("name:", "generateName:").replace("-1", "100")));
        assertThat(Json.text(response, "allowed")).isEqualTo("true");
        assertThat(Json.at(response, "warnings")).isNull();
    }

    @Test
    void whatIsWrongBesideOthersIsAWarning() throws IOException, InterruptedException {
        beside = List.of(new Finding(Finding.Code.CONFLICTING_HOST, null, "spec.hosts[0]", "taken", null));
        JsonObject response = ask(
                "/validate",
                review(
                        "CREATE",
                        "VirtualService",
                        ROUTE.replace("name: reviews}", "name: beside}").replace("-1", "100")));
        assertThat(Json.text(response, "allowed")).isEqualTo("true");
        assertThat(Json.at(response, "warnings")).hasToString("[\"spec.hosts[0]: taken\"]");
    }

    @Test
    void whatIsWantedAndComesAMomentLaterIsNoWarning() throws IOException, InterruptedException {
        JsonObject response = ask(
                "/validate",
                review(
                        "CREATE",
                        "VirtualService",
                        ROUTE.replace("name: reviews}", "name: early}").replace("-1", "100")));
        assertThat(Json.text(response, "allowed")).isEqualTo("true");
        assertThat(Json.at(response, "warnings")).isNull();
        assertThat(ASKED).hasValue(2);
    }

    @Test
    void theProbeOfThePilotItselfIsAlwaysRefused() throws IOException, InterruptedException {
        String probe = ROUTE.replace("name: reviews}", "name: r, annotations: {mesh.dev/always-reject: \"true\"}}");
        assertThat(Json.text(ask("/validate", review("CREATE", "VirtualService", probe)), "allowed"))
                .isEqualTo("false");
    }

    @Test
    void aKindWithoutARecordIsTakenWithAWarning() throws IOException, InterruptedException {
        JsonObject response = ask(
                "/validate",
                review(
                        "CREATE",
                        "IstioOperator",
                        "{apiVersion: install.istio.io/v1alpha1, kind: IstioOperator, metadata: {name: w}, spec: {}}"));
        assertThat(Json.text(response, "allowed")).isEqualTo("true");
        assertThat(response.toString()).contains("not honoured");
    }
}
