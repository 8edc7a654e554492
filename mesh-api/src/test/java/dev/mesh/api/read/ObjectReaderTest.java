package dev.mesh.api.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.k8s.Service;
import dev.mesh.api.networking.StringMatch;
import dev.mesh.api.networking.VirtualService;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ObjectReaderTest {
    private static final String REVIEWS = """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata:
              name: reviews
              namespace: shop
              labels: {team: a}
            spec:
              hosts: [reviews]
              http:
              - name: jason
                match:
                - headers: {x-user: {exact: jason}}
                  uri: {prefix: /api}
                route:
                - destination: {host: reviews, subset: v2, port: {number: 8080}}
                timeout: 1.5s
                retries: {attempts: 3, perTryTimeout: 500ms, retryOn: 5xx}
              - route:
                - destination: {host: reviews, subset: v1}
                  weight: 90
                - destination: {host: reviews, subset: v2}
                  weight: 10
            """;

    @Test
    void readsAnObjectWithItsPlaces() {
        var result = ObjectReader.read("a.yaml", REVIEWS);

        assertThat(result.findings()).isEmpty();
        var object = result.objects().getFirst();
        assertThat(object.ref()).hasToString("VirtualService shop/reviews");
        assertThat(object.metadata().labels()).containsEntry("team", "a");
        var spec = (VirtualService) object.spec();
        var rule = spec.http().getFirst();
        assertThat(rule.timeout()).isEqualTo(Duration.ofMillis(1500));
        assertThat(rule.match().getFirst().uri()).isEqualTo(new StringMatch.Prefix("/api"));
        assertThat(rule.match().getFirst().headers()).containsEntry("x-user", new StringMatch.Exact("jason"));
        assertThat(spec.http().get(1).route())
                .extracting(route -> route.weight())
                .containsExactly(90, 10);
        assertThat(object.positions().of("spec.http[1].route[0].weight")).hasToString("a.yaml:20:7");
    }

    @Test
    void saysEverythingThatIsWrongAndKeepsTheOtherDocuments() {
        var result = ObjectReader.read(
                "b.yaml",
                REVIEWS.replace("timeout: 1.5s", "timeuot: 1.5s").replace("weight: 90", "weight: many")
                        + "---\n: [broken\n---\napiVersion: v1\nkind: Service\nmetadata: {name: ok}\nspec: {ports: [{port: 80}]}\n");

        assertThat(result.objects()).hasSize(1);
        assertThat(result.objects().getFirst().spec()).isInstanceOf(Service.class);
        assertThat(result.findings().stream().map(Finding::toString))
                .anySatisfy(line -> assertThat(line)
                        .contains("b.yaml:16:")
                        .contains("spec.http[0].timeuot: no such field (did you mean timeout?)"))
                .anySatisfy(line ->
                        assertThat(line).contains("spec.http[1].route[0].weight: \"many\" (expected: a whole number)"))
                .anySatisfy(line -> assertThat(line).startsWith("b.yaml:2").contains("error"));
        assertThat(result.findings()).extracting(Finding::code).contains(Finding.Code.MALFORMED_YAML);
    }

    @Test
    void namesKindsItDoesNotKnow() {
        var result = ObjectReader.read("c.yaml", """
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: d}
                ---
                apiVersion: networking.istio.io/v1
                kind: VirtualServices
                metadata: {name: v}
                ---
                kind: Service
                ---
                replicas: 3
                ---
                apiVersion: install.istio.io/v1alpha1
                kind: IstioOperator
                metadata: {name: w}
                """);
        assertThat(result.findings())
                .extracting(Finding::code)
                .containsExactly(
                        Finding.Code.FOREIGN_KIND,
                        Finding.Code.UNKNOWN_KIND,
                        Finding.Code.MISSING_FIELD,
                        Finding.Code.NOT_AN_OBJECT,
                        Finding.Code.NOT_HONOURED);
    }

    @Test
    void ofAnObjectThatStandsTwiceTheFirstCounts() {
        var result = ObjectReader.read("d.yaml", REVIEWS + "---\n" + REVIEWS.replace("subset: v1", "subset: v3"));

        assertThat(result.objects()).hasSize(1);
        assertThat(result.findings().getFirst())
                .hasToString("d.yaml:24:1: error: VirtualService shop/reviews:"
                        + " stands at d.yaml:1:1 already, which is used");
        assertThat(((VirtualService) result.objects().getFirst().spec())
                        .http()
                        .get(1)
                        .route()
                        .getFirst()
                        .destination()
                        .subset())
                .isEqualTo("v1");
    }

    @Test
    void noTextMakesItThrow() {
        var random = new Random(42);
        for (int i = 0; i < 2000; i++) {
            var text = new StringBuilder(REVIEWS);
            for (int j = 0; j <= random.nextInt(4); j++) {
                int at = random.nextInt(text.length());
                switch (random.nextInt(3)) {
                    case 0 -> text.setCharAt(at, (char) random.nextInt(128));
                    case 1 -> text.deleteCharAt(at);
                    default -> text.insert(at, "{[:\"'&*-\n\t!%@".charAt(random.nextInt(13)));
                }
            }
            assertThat(ObjectReader.read("fuzz", text.toString())).isNotNull();
        }
        assertThat(ObjectReader.read("deep", "[".repeat(100_000)).findings()).isNotEmpty();
    }

    @Test
    void readsThePublishedSamples() throws IOException {
        Path samples = samples();
        assumeThat(samples).exists();
        List<Path> files;
        try (var found = Files.walk(samples)) {
            files = found.filter(path -> path.toString().endsWith(".yaml")).toList();
        }
        assertThat(files).isNotEmpty();
        for (Path file : files) {
            assertThat(ObjectReader.read(file.toString(), Files.readString(file))
                            .findings())
                    .as(file.toString())
                    .noneMatch(finding -> finding.severity() == Finding.Severity.ERROR);
        }
    }

    // Beside this repository, or beside the folder of a worktree of it.
    private static Path samples() {
        Path folder = Path.of("").toAbsolutePath();
        while (folder.getParent() != null && !Files.exists(folder.resolve("shared/samples/istio"))) {
            folder = folder.getParent();
        }
        return folder.resolve("shared/samples/istio");
    }
}
