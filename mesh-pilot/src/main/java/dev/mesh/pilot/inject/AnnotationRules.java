package dev.mesh.pilot.inject;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.mesh.api.finding.Finding;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What the annotations of a pod may say (Istio, `pkg/kube/inject/validate.go` and `annotation/annotations.yaml`).
final class AnnotationRules {
    // Kubernetes' resource.Quantity.
    private static final Pattern QUANTITY =
            Pattern.compile("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+|[KMGTPE]i|[numkMGTPE])?");
    private static final Pattern INTERFACES = Pattern.compile("[^\\s,/:]{1,15}(,[^\\s,/:]{1,15})*");
    private static final Pattern IMAGE = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._/:@-]*");

    /// Annotation → what is wrong with a value; null = nothing.
    private static final Map<String, Function<String, @Nullable String>> RULES = new LinkedHashMap<>();

    /// Annotation → why it changes nothing here.
    private static final Map<String, String> WITHOUT_EFFECT = new LinkedHashMap<>();

    static {
        RULES.put(Names.INTERCEPTION, oneOf("REDIRECT", "TPROXY", "NONE"));
        RULES.put(Names.STATUS_PORT, value -> AddressLists.port(value) ? null : "a port, or 0 for no readiness probe");
        RULES.put(Names.READY_DELAY, AnnotationRules::count);
        RULES.put(Names.READY_PERIOD, AnnotationRules::positive);
        RULES.put(Names.READY_FAILURES, AnnotationRules::positive);
        RULES.put(Names.INCLUDE_OUT_RANGES, value -> value.equals("*") ? null : AddressLists.ranges(value));
        RULES.put(Names.EXCLUDE_OUT_RANGES, AddressLists::ranges);
        RULES.put(Names.INCLUDE_IN_PORTS, value -> value.equals("*") ? null : AddressLists.ports(value));
        RULES.put(Names.EXCLUDE_IN_PORTS, AddressLists::ports);
        RULES.put(Names.INCLUDE_OUT_PORTS, AddressLists::ports);
        RULES.put(Names.EXCLUDE_OUT_PORTS, AddressLists::ports);
        RULES.put(Names.EXCLUDE_INTERFACES, AnnotationRules::interfaces);
        RULES.put(Names.KUBEVIRT_INTERFACES, AnnotationRules::interfaces);
        RULES.put(Names.REROUTE_INTERFACES, AnnotationRules::interfaces);
        RULES.put(Names.MERGE_METRICS, oneOf("true", "false"));
        RULES.put(Names.REWRITE_PROBES, oneOf("true", "false"));
        RULES.put(Names.NATIVE, oneOf("true", "false"));
        RULES.put(Names.BIND_LOW_PORTS, oneOf("true", "false"));
        RULES.put(Names.CPU, AnnotationRules::quantity);
        RULES.put(Names.CPU_LIMIT, AnnotationRules::quantity);
        RULES.put(Names.MEMORY, AnnotationRules::quantity);
        RULES.put(Names.MEMORY_LIMIT, AnnotationRules::quantity);
        RULES.put(Names.LOG_LEVEL, oneOf("trace", "debug", "info", "warning", "warn", "error", "critical", "off"));
        RULES.put(Names.PROXY_IMAGE, value -> IMAGE.matcher(value).matches() ? null : "the name of an image");
        RULES.put(Names.USER_VOLUME, value -> maps(value, "{\"NAME\": {...a volume...}}"));
        RULES.put(Names.USER_VOLUME_MOUNT, value -> maps(value, "{\"NAME\": {\"mountPath\": \"/...\"}}"));

        WITHOUT_EFFECT.put("sidecar.istio.io/proxyImageType", "mesh has one image, which has no shell already");
        WITHOUT_EFFECT.put("sidecar.istio.io/bootstrapOverride", "the proxy makes its bootstrap itself");
        WITHOUT_EFFECT.put("sidecar.istio.io/componentLogLevel", "the proxy has one level (" + Names.LOG_LEVEL + ")");
        WITHOUT_EFFECT.put(
                "sidecar.istio.io/agentLogLevel", "there is no agent beside the proxy (" + Names.LOG_LEVEL + ")");
        for (String name : List.of(
                "statsInclusionPrefixes",
                "statsInclusionSuffixes",
                "statsInclusionRegexps",
                "statsHistogramBuckets",
                "statsHistogramBins",
                "statsFlushInterval",
                "statsEvictionInterval",
                "statsCompression",
                "extraStatTags",
                "enableCoreDump")) {
            WITHOUT_EFFECT.put("sidecar.istio.io/" + name, "not honoured");
        }
        WITHOUT_EFFECT.put(
                "readiness.status.sidecar.istio.io/applicationPorts", "a proxy is ready when its configuration is");
    }

    private AnnotationRules() {}

    /// Everything that is wrong with them, in no order that matters.
    static List<Finding> check(JsonObject pod, String namespace) {
        var findings = new ArrayList<Finding>();
        Json.strings(pod, "metadata", "annotations").forEach((name, value) -> {
            var rule = RULES.get(name);
            String expected = rule == null ? null : rule.apply(value);
            if (expected != null) {
                findings.add(Remarks.error(
                        pod,
                        namespace,
                        Names.annotation(name),
                        (value.isEmpty() ? "empty" : value) + " (expected: " + expected + ")"));
            }
            String why = WITHOUT_EFFECT.get(name);
            if (why != null) {
                findings.add(Remarks.notHonoured(pod, namespace, Names.annotation(name), "has no effect: " + why));
            }
        });
        return findings;
    }

    private static Function<String, @Nullable String> oneOf(String... values) {
        var known = List.of(values);
        String last = known.getLast();
        String text = String.join(", ", known.subList(0, known.size() - 1)) + " or " + last;
        return value -> known.contains(value) ? null : text;
    }

    private static @Nullable String count(String value) {
        return value.matches("\\d{1,9}") ? null : "a number of seconds, 0 or more";
    }

    private static @Nullable String positive(String value) {
        return value.matches("[1-9]\\d{0,8}") ? null : "a number, 1 or more";
    }

    private static @Nullable String quantity(String value) {
        return QUANTITY.matcher(value).matches() ? null : "a quantity such as 100m or 128Mi";
    }

    private static @Nullable String interfaces(String value) {
        return value.isEmpty() || INTERFACES.matcher(value).matches()
                ? null
                : "names of interfaces, separated by commas, at most 15 characters each";
    }

    private static @Nullable String maps(String value, String form) {
        try {
            JsonElement parsed = JsonParser.parseString(value);
            if (parsed instanceof JsonObject map
                    && map.entrySet().stream()
                            .allMatch(entry -> entry.getValue().isJsonObject())) {
                return null;
            }
        } catch (JsonParseException e) {
            return "JSON of the form " + form;
        }
        return "JSON of the form " + form;
    }
}
