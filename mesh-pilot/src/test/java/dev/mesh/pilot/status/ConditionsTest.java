package dev.mesh.pilot.status;

import static org.assertj.core.api.Assertions.assertThat;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.finding.ResourceRef;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ConditionsTest {
    private static final Instant NOW = Instant.parse("2026-05-04T03:02:01.5Z");
    private static final ResourceRef REVIEWS = new ResourceRef("networking.istio.io", "VirtualService", "shop", "web");

    private static Finding finding(Finding.Code code, String path, String message) {
        return new Finding(code, REVIEWS, path, message, null);
    }

    private static final Finding NOT_HONOURED =
            finding(Finding.Code.NOT_HONOURED, "spec.http[0].mirror", "is not honoured yet");
    private static final Finding NO_SUBSET =
            finding(Finding.Code.SUBSET_NOT_DEFINED, "spec.http[0].route[0]", "v9 is no subset (expected: v1)");

    // As the API server does with a merge patch (RFC 7396), and a client that reads JSON.
    @SuppressWarnings("unchecked")
    private static Map<String, Object> after(Map<String, Object> before, Map<String, @Nullable Object> patch) {
        var merged = new TreeMap<>(before);
        patch.forEach((name, value) -> {
            if (value == null) {
                merged.remove(name);
            } else {
                merged.put(name, value);
            }
        });
        return Serialization.unmarshal(Serialization.asJson(merged), Map.class);
    }

    private static List<Map<?, ?>> conditions(Map<String, Object> status) {
        var all = new ArrayList<Map<?, ?>>();
        ((List<?>) status.getOrDefault("conditions", List.of())).forEach(condition -> all.add((Map<?, ?>) condition));
        return all;
    }

    @Test
    void whatIsFoundStandsInTheFormOfIstiosStatus() {
        var patch = Conditions.patch(List.of(NOT_HONOURED, NO_SUBSET), true, 7, Map.of(), NOW);

        assertThat(Serialization.asYaml(after(Map.of(), patch))).isEqualTo("""
                ---
                conditions:
                - type: "PassedAnalysis"
                  status: "False"
                  reason: "ErrorsFound"
                  message: "1 error and 1 warning: spec.http[0].route[0]: v9 is no subset (expected:\\
                    \\ v1); spec.http[0].mirror: is not honoured yet"
                  lastTransitionTime: "2026-05-04T03:02:01Z"
                  observedGeneration: 7
                observedGeneration: 7
                validationMessages:
                - type:
                    code: "SUBSET_NOT_DEFINED"
                    name: "SubsetNotDefined"
                  level: "ERROR"
                  message: "spec.http[0].route[0]: v9 is no subset (expected: v1)"
                - type:
                    code: "NOT_HONOURED"
                    name: "NotHonoured"
                  level: "WARNING"
                  message: "spec.http[0].mirror: is not honoured yet"
                """);
    }

    @Test
    void whatCouldNotBeReadIsSaidNotToBeInEffect() {
        var unread = finding(Finding.Code.INVALID_VALUE, "spec.http[0].timeout", "-1s (expected: 0s or more)");

        var status = after(Map.of(), Conditions.patch(List.of(unread), false, 2, Map.of(), NOW));

        assertThat(conditions(status).stream().map(condition -> String.valueOf(condition.get("type"))))
                .containsExactly("PassedAnalysis", "Reconciled");
    }

    @Test
    void aGoodObjectIsNotWrittenOnAndAMendedOneLosesWhatWasSaid() {
        assertThat(Conditions.patch(List.of(), true, 1, Map.of(), NOW)).isEmpty();
        var before = after(Map.of(), Conditions.patch(List.of(NO_SUBSET), false, 1, Map.of(), NOW));

        var patch = Conditions.patch(List.of(), true, 2, before, NOW);

        assertThat(after(before, patch)).isEmpty();
    }

    @Test
    void whatStandsThereAlreadyIsNotWrittenAgain() {
        var before = after(Map.of(), Conditions.patch(List.of(NOT_HONOURED, NO_SUBSET), true, 7, Map.of(), NOW));

        assertThat(Conditions.patch(List.of(NO_SUBSET, NOT_HONOURED, NO_SUBSET), true, 7, before, NOW.plusSeconds(99)))
                .as("in another order, later")
                .isEmpty();
        var later = after(before, Conditions.patch(List.of(NO_SUBSET), true, 8, before, NOW.plusSeconds(99)));
        assertThat(later.get("observedGeneration")).isEqualTo(8);
        assertThat(later.toString())
                .as("it was False before")
                .contains("lastTransitionTime=2026-05-04T03:02:01Z")
                .doesNotContain("mirror");
    }

    @Test
    void conditionsOfOthersStay() {
        Map<String, Object> healthy = Map.of("type", "Healthy", "status", "True");
        Map<String, Object> before = Map.of("conditions", List.of(healthy), "addresses", List.of("240.240.0.1"));
        var marked = after(before, Conditions.patch(List.of(NO_SUBSET), true, 1, before, NOW));

        assertThat(conditions(marked)).hasSize(2).anyMatch(healthy::equals);
        var reordered = new TreeMap<>(marked);
        reordered.put("conditions", conditions(marked).reversed());
        assertThat(Conditions.patch(List.of(NO_SUBSET), true, 1, reordered, NOW))
                .as("in another order")
                .isEmpty();
        assertThat(Conditions.patch(List.of(), true, 1, before, NOW))
                .as("nothing of ours")
                .isEmpty();
        assertThat(after(marked, Conditions.patch(List.of(), true, 1, marked, NOW)))
                .isEqualTo(before);
    }

    @Test
    void remarksForInformationAreNotSaid() {
        assertThat(Conditions.patch(List.of(finding(Finding.Code.FOREIGN_KIND, "", "no part")), true, 1, Map.of(), NOW))
                .isEmpty();
    }

    @Test
    void howMuchIsWrittenIsBounded() {
        var many = new ArrayList<Finding>();
        IntStream.range(0, 2000)
                .forEach(i -> many.add(
                        finding(Finding.Code.UNKNOWN_FIELD, "spec.f" + i, "x".repeat(5000) + " is not known")));

        var status = after(Map.of(), Conditions.patch(many, false, 1, Map.of(), NOW));

        assertThat(Serialization.asJson(status)).hasSizeLessThan(100_000).contains("1997 more in validationMessages");
    }
}
