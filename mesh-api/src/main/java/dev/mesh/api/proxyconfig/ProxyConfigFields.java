package dev.mesh.api.proxyconfig;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.mesh.api.read.Suggestion;
import dev.mesh.api.shape.TimeSpans;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The fields of Istio's ProxyConfig (`mesh/v1alpha1`): what each must be, and which of them mesh honours. The injector
/// and the proxy both go by it, so that what one takes the other takes.
public final class ProxyConfigFields {
    /// Most threads that can be asked for.
    public static final int MOST_THREADS = 999;

    private static final int MOST_PORT = 65535;
    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,9}");
    private static final Pattern ADDRESS = Pattern.compile("[^:\\s]+:\\d{1,5}|\\[[^\\s]+]:\\d{1,5}");

    private ProxyConfigFields() {}

    /// @param expected for a person
    private record Type(String expected, Predicate<JsonElement> fits) {}

    private static final Type TEXT = new Type("text", ProxyConfigFields::isText);
    private static final Type HOST_AND_PORT = new Type(
            "HOST:PORT, such as mesh-pilot.mesh-system.svc:15012",
            value -> isText(value)
                    && (value.getAsString().isEmpty()
                            || ADDRESS.matcher(value.getAsString()).matches()));
    private static final Type PORT = new Type("a port, 0-" + MOST_PORT, value -> isNumber(value, MOST_PORT));
    private static final Type THREADS = new Type(
            "0-" + MOST_THREADS + " threads, 0 = as many as there are processors",
            value -> isNumber(value, MOST_THREADS));
    private static final Type DURATION = new Type(
            "a length of time such as 45s",
            value -> isText(value)
                    && TimeSpans.parse(value.getAsString())
                            .filter(span -> !span.isNegative())
                            .isPresent());
    private static final Type FLAG =
            new Type("true or false", value -> value instanceof JsonPrimitive primitive && primitive.isBoolean());
    private static final Type TEXTS = new Type(
            "a map of texts",
            value -> value instanceof JsonObject map
                    && map.asMap().values().stream().allMatch(JsonElement::isJsonPrimitive));

    private static Type oneOf(String... words) {
        return new Type(
                String.join(", ", words),
                value -> isText(value)
                        && (value.getAsString().isEmpty() || List.of(words).contains(value.getAsString())));
    }

    private static boolean isText(JsonElement value) {
        return value instanceof JsonPrimitive primitive && primitive.isString();
    }

    private static boolean isNumber(JsonElement value, int most) {
        return value instanceof JsonPrimitive primitive
                && NUMBER.matcher(primitive.getAsString()).matches()
                && Integer.parseInt(primitive.getAsString()) <= most;
    }

    private static final Map<String, Type> HONOURED = new TreeMap<>(Map.ofEntries(
            Map.entry("discoveryAddress", HOST_AND_PORT),
            Map.entry("controlPlaneAuthPolicy", oneOf("MUTUAL_TLS", "NONE")),
            Map.entry("concurrency", THREADS),
            Map.entry("serviceCluster", TEXT),
            Map.entry("interceptionMode", oneOf("REDIRECT", "TPROXY", "NONE")),
            Map.entry("drainDuration", DURATION),
            Map.entry("terminationDrainDuration", DURATION),
            Map.entry("statusPort", PORT),
            Map.entry("proxyAdminPort", PORT),
            Map.entry("holdApplicationUntilProxyStarts", FLAG),
            Map.entry("proxyMetadata", TEXTS)));

    // They say something of Envoy's process or of Istio's agent that mesh-proxy has not.
    private static final List<String> NOT_HONOURED = List.of(
            "availabilityZone",
            "binaryPath",
            "caCertificatesPem",
            "configPath",
            "connectTimeout",
            "customConfigFile",
            "envoyAccessLogService",
            "envoyMetricsService",
            "envoyMetricsServiceAddress",
            "extraStatTags",
            "fileFlushInterval",
            "fileFlushMinSizeKb",
            "gatewayTopology",
            "image",
            "meshId",
            "parentShutdownDuration",
            "privateKeyProvider",
            "proxyBootstrapTemplatePath",
            "proxyHeaders",
            "proxyStatsMatcher",
            "readinessProbe",
            "runtimeValues",
            "sds",
            "statNameLength",
            "statsCompression",
            "statsdUdpAddress",
            "tracing",
            "tracingServiceName",
            "zipkinAddress");

    /// Looks at every field; those that are null are as if they were not there.
    ///
    /// @param mistake told `field, sentence` of what cannot be used
    /// @param remark told `field, sentence` of what has no effect
    /// @return what can be used: the honoured fields that are what they must be
    public static JsonObject check(
            JsonObject config, BiConsumer<String, String> mistake, BiConsumer<String, String> remark) {
        var usable = new JsonObject();
        config.asMap().forEach((name, value) -> {
            Type type = HONOURED.get(name);
            if (type == null) {
                remark.accept(name, NOT_HONOURED.contains(name) ? "not honoured by mesh-proxy" : unknown(name));
            } else if (!value.isJsonNull()) {
                String wrong = wrong(type, value);
                if (wrong == null) {
                    usable.add(name, value);
                } else {
                    mistake.accept(name, wrong);
                }
            }
        });
        return usable;
    }

    private static @Nullable String wrong(Type type, JsonElement value) {
        return type.fits.test(value) ? null : value + " (expected: " + type.expected + ")";
    }

    private static String unknown(String name) {
        var all = new ArrayList<>(HONOURED.keySet());
        all.addAll(NOT_HONOURED);
        return "no such field" + Suggestion.phrase(name, all);
    }
}
