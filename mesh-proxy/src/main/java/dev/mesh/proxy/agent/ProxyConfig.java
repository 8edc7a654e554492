package dev.mesh.proxy.agent;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonSyntaxException;
import dev.mesh.api.meta.Ports;
import dev.mesh.api.read.Suggestion;
import dev.mesh.api.shape.TimeSpans;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Istio's `ProxyConfig` (mesh/v1alpha1), as the injector hands it to the proxy in `PROXY_CONFIG`: the fields that the
/// proxy itself reads, with Istio's defaults.
///
/// @param plaintext whether xDS is spoken without TLS (`controlPlaneAuthPolicy: NONE`)
/// @param concurrency null = not said; 0 = as many as there are processors
/// @param json all of it, as it came
record ProxyConfig(
        String discoveryAddress,
        boolean plaintext,
        @Nullable Integer concurrency,
        String serviceCluster,
        String interceptionMode,
        Duration drainDuration,
        Duration terminationDrainDuration,
        int statusPort,
        int proxyAdminPort,
        int proxyListenPort,
        int proxyInboundListenPort,
        Map<String, String> proxyMetadata,
        JsonObject json) {

    private static final String DISCOVERY = "mesh-pilot.mesh-system.svc:" + Ports.XDS;

    /// Read elsewhere: by the injector, by the pilot, or from the environment.
    private static final Set<String> ELSEWHERE =
            Set.of("holdApplicationUntilProxyStarts", "image", "gatewayTopology", "meshId", "configPath", "binaryPath");
    /// Known to Istio, and without effect here.
    private static final Set<String> NOT_HONOURED = Set.of(
            "tracing",
            "tracingServiceName",
            "envoyAccessLogService",
            "envoyMetricsService",
            "envoyMetricsServiceAddress",
            "statsdUdpAddress",
            "zipkinAddress",
            "proxyBootstrapTemplatePath",
            "customConfigFile",
            "statNameLength",
            "sds",
            "availabilityZone",
            "proxyStatsMatcher",
            "readinessProbe",
            "caCertificatesPem",
            "extraStatTags",
            "runtimeValues",
            "privateKeyProvider",
            "proxyHeaders",
            "fileFlushInterval",
            "fileFlushMinSizeKb",
            "statsCompression",
            "parentShutdownDuration",
            "connectTimeout");

    /// Reads it, one field after the other.
    private static final class Fields {
        private final JsonObject object;
        private final List<String> mistakes;
        private final Set<String> known = new java.util.TreeSet<>();

        private Fields(JsonObject object, List<String> mistakes) {
            this.object = object;
            this.mistakes = mistakes;
        }

        private @Nullable JsonElement take(String name) {
            known.add(name);
            JsonElement value = object.get(name);
            return value == null || value.isJsonNull() ? null : value;
        }

        private void wrong(String name, JsonElement value, String expected) {
            mistakes.add("PROXY_CONFIG." + name + ": " + value + " (expected: " + expected + ")");
        }

        private String text(String name, String usual) {
            JsonElement value = take(name);
            if (value == null) {
                return usual;
            }
            if (!value.isJsonPrimitive() || !value.getAsJsonPrimitive().isString()) {
                wrong(name, value, "text");
                return usual;
            }
            return value.getAsString().isEmpty() ? usual : value.getAsString();
        }

        private @Nullable Integer number(String name, int most) {
            JsonElement value = take(name);
            if (value == null) {
                return null;
            }
            String text = value.isJsonPrimitive() ? value.getAsString() : "";
            if (!text.matches("[0-9]{1,9}") || Integer.parseInt(text) > most) {
                wrong(name, value, "0-" + most);
                return null;
            }
            return Integer.parseInt(text);
        }

        private int port(String name, int usual) {
            Integer port = number(name, 65535);
            return port == null ? usual : port;
        }

        private Duration span(String name, Duration usual) {
            JsonElement value = take(name);
            if (value == null) {
                return usual;
            }
            var span = TimeSpans.parse(value.isJsonPrimitive() ? value.getAsString() : "");
            if (span.isEmpty() || span.get().isNegative()) {
                wrong(name, value, "a length of time such as 5s");
                return usual;
            }
            return span.get();
        }

        private String word(String name, String usual, List<String> words) {
            String value = text(name, usual);
            if (!words.contains(value)) {
                mistakes.add(
                        "PROXY_CONFIG." + name + ": \"" + value + "\" (expected: " + String.join(", ", words) + ")");
                return usual;
            }
            return value;
        }

        private Map<String, String> texts(String name) {
            var texts = new TreeMap<String, String>();
            JsonElement value = take(name);
            if (value instanceof JsonObject map) {
                map.asMap().forEach((key, one) -> {
                    if (one.isJsonPrimitive()) {
                        texts.put(key, one.getAsString());
                    } else {
                        wrong(name + "." + key, one, "text");
                    }
                });
            } else if (value != null) {
                wrong(name, value, "an object of texts");
            }
            return texts;
        }
    }

    /// @param json may be empty
    /// @param mistakes gets a sentence for each
    /// @param remarks gets a sentence for each field without effect
    static ProxyConfig read(String json, List<String> mistakes, List<String> remarks) {
        var object = new JsonObject();
        if (!json.isBlank()) {
            try {
                if (JsonParser.parseString(json) instanceof JsonObject given) {
                    object = given;
                } else {
                    mistakes.add("PROXY_CONFIG: not a JSON object");
                }
            } catch (JsonSyntaxException e) {
                mistakes.add("PROXY_CONFIG: not JSON: " + AppProbes.said(e));
            }
        }
        var fields = new Fields(object, mistakes);
        var config = new ProxyConfig(
                fields.text("discoveryAddress", DISCOVERY),
                fields.word("controlPlaneAuthPolicy", "MUTUAL_TLS", List.of("MUTUAL_TLS", "NONE"))
                        .equals("NONE"),
                fields.number("concurrency", 999),
                fields.text("serviceCluster", ""),
                fields.text("interceptionMode", "REDIRECT"),
                fields.span("drainDuration", Duration.ofSeconds(45)),
                fields.span("terminationDrainDuration", Duration.ofSeconds(5)),
                fields.port("statusPort", Ports.AGENT),
                fields.port("proxyAdminPort", Ports.ADMIN),
                fields.port("proxyListenPort", Ports.OUTBOUND),
                fields.port("proxyInboundListenPort", Ports.INBOUND),
                fields.texts("proxyMetadata"),
                object);
        var known = new ArrayList<>(fields.known);
        known.addAll(ELSEWHERE);
        known.addAll(NOT_HONOURED);
        for (String name : object.keySet()) {
            if (NOT_HONOURED.contains(name)) {
                remarks.add("PROXY_CONFIG." + name + ": not honoured by mesh-proxy");
            } else if (!known.contains(name)) {
                remarks.add("PROXY_CONFIG." + name + ": no such field" + Suggestion.phrase(name, known));
            }
        }
        return config;
    }
}
