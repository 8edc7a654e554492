package dev.mesh.pilot.status;

import dev.mesh.api.finding.Finding;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What was found about an object as its status, in the form of Istio's `IstioStatus`: `conditions`,
/// `validationMessages`, `observedGeneration`. Pure.
///
/// An object about which there is nothing to say gets no status, and loses one that it was given. Conditions of other
/// types, which others wrote, stay.
final class Conditions {
    /// False: something was found, see `validationMessages`. It stops nothing, as in Istio.
    static final String PASSED_ANALYSIS = "PassedAnalysis";

    /// False: the object is not in effect as it stands, because it could not be read.
    static final String RECONCILED = "Reconciled";

    private static final Set<String> OURS = Set.of(PASSED_ANALYSIS, RECONCILED);
    private static final String CONDITIONS = "conditions";
    private static final String MESSAGES = "validationMessages";
    private static final String GENERATION = "observedGeneration";
    // What stands in the condition itself; the rest is in the messages, and theirs is bounded too (etcd takes 1.5 MB).
    private static final int MOST_TOLD = 3;
    private static final int MOST_MESSAGES = 50;
    private static final int MOST_CHARACTERS = 1000;

    private Conditions() {}

    /// How `status` must change.
    ///
    /// @param findings about the object, in any order; those of severity INFO are passed over
    /// @param inUse whether its newest form could be read
    /// @param generation of the spec that the findings are about
    /// @param before the status as it stands; empty: none
    /// @param now time of a transition, kept in whole seconds
    /// @return a merge patch of `status`, in which null takes a field away; empty if it is as it should be
    static Map<String, @Nullable Object> patch(
            List<Finding> findings, boolean inUse, long generation, Map<String, Object> before, Instant now) {
        List<Finding> told = findings.stream()
                .filter(finding -> finding.severity() != Finding.Severity.INFO)
                .sorted(java.util.Comparator.comparing(Finding::severity)
                        .reversed()
                        .thenComparing(Finding::path)
                        .thenComparing(Finding::message))
                .distinct()
                .toList();
        var old = conditions(before);
        boolean oursBefore = old.stream().anyMatch(Conditions::isOurs);
        if (told.isEmpty() && inUse && !oursBefore) {
            return new LinkedHashMap<>();
        }
        var ours = new LinkedHashMap<String, Map<?, ?>>();
        if (!told.isEmpty()) {
            boolean errors = told.getFirst().severity() == Finding.Severity.ERROR;
            ours.put(
                    PASSED_ANALYSIS,
                    condition(
                            PASSED_ANALYSIS,
                            errors ? "ErrorsFound" : "WarningsFound",
                            summary(told),
                            generation,
                            old,
                            now));
        }
        if (!inUse) {
            ours.put(
                    RECONCILED,
                    condition(
                            RECONCILED,
                            "Invalid",
                            "not in effect as it stands; the last valid form, if there was one, is used on",
                            generation,
                            old,
                            now));
        }
        // Each in its place, so that an order that somebody else made is no difference.
        var wanted = new ArrayList<Map<?, ?>>();
        for (Map<?, ?> condition : old) {
            Map<?, ?> kept = isOurs(condition) ? ours.remove(type(condition)) : condition;
            if (kept != null) {
                wanted.add(kept);
            }
        }
        wanted.addAll(ours.values());
        boolean any = !told.isEmpty() || !inUse;
        var status = new LinkedHashMap<String, @Nullable Object>();
        status.put(CONDITIONS, wanted.isEmpty() ? null : wanted);
        status.put(MESSAGES, told.isEmpty() ? null : messages(told));
        status.put(GENERATION, any ? number(generation) : null);
        status.entrySet().removeIf(field -> Objects.equals(field.getValue(), before.get(field.getKey())));
        return status;
    }

    private static List<Map<?, ?>> conditions(Map<String, Object> status) {
        return status.get(CONDITIONS) instanceof List<?> all
                ? all.stream()
                        .<Map<?, ?>>mapMulti((condition, found) -> {
                            if (condition instanceof Map<?, ?> map) {
                                found.accept(map);
                            }
                        })
                        .toList()
                : List.of();
    }

    private static boolean isOurs(Map<?, ?> condition) {
        return OURS.contains(type(condition));
    }

    private static String type(Map<?, ?> condition) {
        return String.valueOf(condition.get("type"));
    }

    private static Map<String, Object> condition(
            String type, String reason, String message, long generation, List<Map<?, ?>> old, Instant now) {
        String since = old.stream()
                .filter(condition -> type.equals(condition.get("type")) && "False".equals(condition.get("status")))
                .map(condition -> condition.get("lastTransitionTime"))
                .filter(Objects::nonNull)
                .map(String::valueOf)
                .findFirst()
                .orElseGet(() -> now.truncatedTo(ChronoUnit.SECONDS).toString());
        var condition = new LinkedHashMap<String, Object>();
        condition.put("type", type);
        condition.put("status", "False");
        condition.put("reason", reason);
        condition.put("message", message);
        condition.put("lastTransitionTime", since);
        condition.put(GENERATION, number(generation));
        return condition;
    }

    // As JSON readers give numbers: an Integer where it fits.
    private static Number number(long generation) {
        if (generation == (int) generation) {
            return (int) generation;
        }
        return generation;
    }

    // Such as `1 error and 2 warnings: spec.http[0].timeout: ...; ...; 1 more in validationMessages`.
    private static String summary(List<Finding> told) {
        var counts = told.stream()
                .collect(Collectors.groupingBy(Finding::severity, TreeMap::new, Collectors.counting()))
                .descendingMap()
                .entrySet()
                .stream()
                .map(count -> count.getValue() + " " + count.getKey().name().toLowerCase(Locale.ROOT)
                        + (count.getValue() == 1 ? "" : "s"))
                .collect(Collectors.joining(" and "));
        Stream<String> first = told.stream().limit(MOST_TOLD).map(Conditions::line);
        Stream<String> more =
                told.size() > MOST_TOLD ? Stream.of(told.size() - MOST_TOLD + " more in " + MESSAGES) : Stream.empty();
        return counts + ": " + Stream.concat(first, more).collect(Collectors.joining("; "));
    }

    private static String line(Finding finding) {
        String line = finding.path().isEmpty() ? finding.message() : finding.path() + ": " + finding.message();
        return line.length() <= MOST_CHARACTERS ? line : line.substring(0, MOST_CHARACTERS) + "...";
    }

    private static List<Map<String, Object>> messages(List<Finding> told) {
        return told.stream().limit(MOST_MESSAGES).map(Conditions::message).toList();
    }

    // Type and level are all that Istio's CRDs keep of it; ours keep the sentence too.
    private static Map<String, Object> message(Finding finding) {
        String code = finding.code().name();
        var message = new LinkedHashMap<String, Object>();
        message.put("type", new TreeMap<>(Map.of("name", camel(code), "code", code))); // in one order
        message.put("level", finding.severity().name());
        message.put("message", line(finding));
        return message;
    }

    private static String camel(String constant) {
        return Stream.of(constant.split("_", -1))
                .map(word -> word.charAt(0) + word.substring(1).toLowerCase(Locale.ROOT))
                .collect(Collectors.joining());
    }
}
