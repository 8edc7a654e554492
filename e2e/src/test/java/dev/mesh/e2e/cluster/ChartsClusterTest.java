package dev.mesh.e2e.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.netty.pkitesting.CertificateBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/// The charts on a real API server: what they make is valid, kinds of others stay as they are, two revisions stand side
/// by side, and an uninstall leaves the kinds and nothing else. Needs `-Dkube` and `-Dhelm`.
@OnOwnServers
@EnabledIfSystemProperty(named = "helm", matches = ".+")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@SuppressWarnings("NullAway.Init") // set by JUnit
class ChartsClusterTest {
    private static final Path CHARTS = Path.of("../charts").toAbsolutePath().normalize();
    private static final String FOREIGN = """
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata:
              name: sidecars.networking.istio.io
              labels: {of: somebody-else}
            spec:
              group: networking.istio.io
              names: {kind: Sidecar, listKind: SidecarList, plural: sidecars, singular: sidecar}
              scope: Namespaced
              versions:
              - name: v1
                served: true
                storage: true
                schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
            """;

    @TempDir
    private static Path work;

    private static ApiServer server;
    private static Kubectl kubectl;
    private static Helm helm;
    private static String foreign = "";

    @BeforeAll
    static void starts() throws IOException {
        server = ApiServer.start(work);
        kubectl = server.kubectl();
        helm = new Helm(server.kubeconfig());
        kubectl.run("create", "namespace", "mesh-system");
        kubectl.apply(FOREIGN);
        foreign = kubectl.run("get", "crd", "sidecars.networking.istio.io", "-o", "jsonpath={.metadata.uid} {.spec}");
    }

    @AfterAll
    static void ends() {
        if (server != null) {
            server.close();
        }
    }

    /// What kubeconform would look for, and more: the server knows what it does not take, and asks its own checks. Pods
    /// (of `helm test`) need the accounts that are not there yet, PodMonitors a kind of others.
    @Test
    @Order(0)
    void whatTheChartsMakeOfEveryCaseIsTakenToTheLastField() throws IOException {
        try (var made = Files.list(CHARTS.resolve("tests/golden"))) {
            for (Path file : made.sorted().toList()) {
                String objects = Stream.of(Files.readString(file).split("(?m)^---$"))
                        .filter(object -> object.contains("\nkind: ")
                                && !object.contains("\nkind: Pod\n")
                                && !object.contains("\nkind: PodMonitor\n"))
                        .collect(Collectors.joining("\n---\n"))
                        .replace("    - IPv6\n", ""); // which this server has not
                if (!objects.isEmpty()) {
                    assertThat(kubectl.execute(objects, "apply", "--validate=strict", "--dry-run=server", "-f", "-"))
                            .satisfies(result -> assertThat(result.errors())
                                    .as(file.toString())
                                    .isEmpty())
                            .satisfies(result -> assertThat(result.status()).isZero());
                }
            }
        }
    }

    @Test
    @Order(1)
    void theWholeMeshIsInstalledAtOnce() {
        assertThat(helm.run("install", "mesh", CHARTS.resolve("mesh").toString(), "-n", "mesh-system"))
                .contains("STATUS: deployed");
        assertThat(kubectl.run("get", "deployments", "-n", "mesh-system", "-o", "name"))
                .contains("mesh-pilot", "ingressgateway");
        kubectl.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s");
        assertThat(kubectl.run(
                        "get",
                        "crd",
                        "-o",
                        "jsonpath={.items[*].status.conditions[?(@.type==\"NonStructuralSchema\")].message}"))
                .isEmpty();
        assertThat(kubectl.run("explain", "virtualservice.spec.http"))
                .contains("One HTTP rule; the first that matches is taken.");
    }

    @Test
    @Order(2)
    void whatIsWrittenWronglyIsRefusedByTheSchema() {
        var refused = kubectl.execute("""
                apiVersion: networking.istio.io/v1
                kind: VirtualService
                metadata: {name: wrong, namespace: default}
                spec:
                  hosts: [reviews]
                  http: [{timeout: 5, route: [{destination: {host: reviews}, weigth: 10}]}]
                """, "apply", "--validate=strict", "-f", "-");
        assertThat(refused.status()).isNotZero();
        assertThat(refused.errors()).contains("weigth");
    }

    @Test
    @Order(3)
    void everyServedVersionGivesBackWhatWasWritten() {
        kubectl.apply("""
                apiVersion: networking.istio.io/v1alpha3
                kind: DestinationRule
                metadata: {name: kept, namespace: default}
                spec:
                  host: reviews
                  trafficPolicy:
                    loadBalancer: {consistentHash: {httpCookie: {name: user, ttl: 0s}, ringHash: {minimumRingSize: 64}}}
                    tls: {mode: SIMPLE, insecureSkipVerify: null}
                """);
        for (String version : List.of("v1", "v1beta1", "v1alpha3")) {
            assertThat(kubectl.run(
                            "get",
                            "destinationrules." + version + ".networking.istio.io",
                            "kept",
                            "-o",
                            "jsonpath={.spec.trafficPolicy.loadBalancer.consistentHash}"))
                    .as(version)
                    .isEqualTo(
                            "{\"httpCookie\":{\"name\":\"user\",\"ttl\":\"0s\"},\"ringHash\":{\"minimumRingSize\":64}}");
        }
        kubectl.run("delete", "destinationrule", "kept");
    }

    @Test
    @Order(4)
    void publishedSamplesAndOurOwnAreTaken() throws IOException {
        assertThat(kubectl.execute(
                                Files.readString(CHARTS.resolve("../examples/kubernetes/shop.yaml")),
                                "apply",
                                "--validate=strict",
                                "-f",
                                "-")
                        .succeeded()
                        .status())
                .isZero();
        Path samples = samples();
        assumeThat(samples).exists();
        try (var files = Files.list(samples)) {
            for (Path file : files.filter(each -> !each.endsWith("certmanager-gateway.yaml"))
                    .sorted()
                    .toList()) {
                kubectl.run("apply", "--validate=strict", "--dry-run=server", "-f", file.toString());
            }
        }
    }

    @Test
    @Order(5)
    void thePilotMayDoWhatItNeedsAndNoMore() {
        var can = List.of(
                List.of("watch", "endpointslices.discovery.k8s.io", "-A"),
                List.of("patch", "virtualservices.networking.istio.io", "--subresource=status", "-A"),
                List.of("create", "tokenreviews.authentication.k8s.io"),
                List.of("patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io/mesh-sidecar-injector"),
                List.of("update", "secrets/istio-ca-secret", "-n", "mesh-system"),
                List.of("update", "leases.coordination.k8s.io", "-n", "mesh-system"));
        var cannot = List.of(
                List.of("create", "pods", "-A"),
                List.of("create", "secrets", "-n", "default"),
                List.of("update", "secrets/other", "-n", "mesh-system"),
                List.of("update", "virtualservices.networking.istio.io", "-A"),
                List.of("update", "configmaps/other", "-n", "default"),
                List.of("patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io/istio-sidecar-injector"),
                List.of("create", "clusterrolebindings.rbac.authorization.k8s.io"));
        can.forEach(each -> assertThat(may(each)).as("%s", each).isEqualTo("yes"));
        cannot.forEach(each -> assertThat(may(each)).as("%s", each).isEqualTo("no"));
    }

    private static String may(List<String> what) {
        var arguments = new ArrayList<>(List.of("auth", "can-i"));
        arguments.addAll(what);
        arguments.addAll(List.of("--as", "system:serviceaccount:mesh-system:mesh-pilot"));
        String[] lines = kubectl.execute("", arguments.toArray(String[]::new))
                .output()
                .strip()
                .split("\n");
        return lines[lines.length - 1];
    }

    @Test
    @Order(6)
    void aSecondPilotStandsBesideTheFirst() {
        helm.run(
                "install",
                "canary",
                CHARTS.resolve("mesh-pilot").toString(),
                "-n",
                "mesh-system",
                "--set",
                "revision=canary");
        assertThat(kubectl.run("get", "deployments,mutatingwebhookconfigurations", "-n", "mesh-system", "-o", "name"))
                .contains("mesh-pilot", "mesh-pilot-canary", "mesh-sidecar-injector-canary");
        helm.run("uninstall", "canary", "-n", "mesh-system");
        assertThat(kubectl.run("get", "deployments,mutatingwebhookconfigurations", "-n", "mesh-system", "-o", "name"))
                .contains("mesh-pilot", "mesh-sidecar-injector")
                .doesNotContain("canary");
    }

    @Test
    @Order(7)
    void anUpgradeKeepsWhatThePilotHasWritten() {
        kubectl.run(
                "patch",
                "mutatingwebhookconfiguration",
                "mesh-sidecar-injector",
                "--type=json",
                "-p",
                "[{\"op\": \"add\", \"path\": \"/webhooks/0/clientConfig/caBundle\", \"value\": \"" + AUTHORITY
                        + "\"}]");
        helm.run(
                "upgrade",
                "mesh",
                CHARTS.resolve("mesh").toString(),
                "-n",
                "mesh-system",
                "--set",
                "mesh-pilot.resources.requests.cpu=100m");
        assertThat(kubectl.run(
                        "get",
                        "mutatingwebhookconfiguration",
                        "mesh-sidecar-injector",
                        "-o",
                        "jsonpath={.webhooks[0].clientConfig.caBundle}"))
                .isEqualTo(AUTHORITY);
        assertThat(theForeignKind()).isEqualTo(foreign);
    }

    @Test
    @Order(8)
    void anUninstallLeavesTheKindsAndNothingElse() {
        helm.run("uninstall", "mesh", "-n", "mesh-system");
        assertThat(theForeignKind()).isEqualTo(foreign);
        assertThat(kubectl.run("get", "virtualservices", "-n", "shop", "-o", "name"))
                .as("objects of the kinds")
                .contains("reviews");
        assertThat(kubectl.run(
                        "get",
                        "deployments,services,configmaps,serviceaccounts,roles,clusterroles,clusterrolebindings,"
                                + "networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,"
                                + "mutatingwebhookconfigurations,validatingwebhookconfigurations",
                        "-A",
                        "-l",
                        "app.kubernetes.io/part-of=mesh",
                        "-o",
                        "name"))
                .isEmpty();
        // The kinds that were kept are this release's still: it may come again.
        assertThat(helm.run("install", "mesh", CHARTS.resolve("mesh").toString(), "-n", "mesh-system"))
                .contains("STATUS: deployed");
        assertThat(theForeignKind()).isEqualTo(foreign);
    }

    private static String theForeignKind() {
        return kubectl.run("get", "crd", "sidecars.networking.istio.io", "-o", "jsonpath={.metadata.uid} {.spec}");
    }

    // Beside this repository, or beside the folder of a worktree of it.
    private static Path samples() {
        Path folder = Path.of("").toAbsolutePath();
        while (folder.getParent() != null && !Files.exists(folder.resolve("shared/samples/istio"))) {
            folder = folder.getParent();
        }
        return folder.resolve("shared/samples/istio/bookinfo/networking");
    }

    private static final String AUTHORITY = authority();

    private static String authority() {
        try {
            var certificate = new CertificateBuilder()
                    .subject("CN=mesh")
                    .setIsCertificateAuthority(true)
                    .buildSelfSigned();
            return Base64.getEncoder()
                    .encodeToString(certificate.getCertificatePEM().getBytes(StandardCharsets.UTF_8));
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
