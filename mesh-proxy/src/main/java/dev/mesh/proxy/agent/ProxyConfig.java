package dev.mesh.proxy.agent;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonSyntaxException;
import dev.mesh.api.meta.Ports;
import dev.mesh.api.proxyconfig.ProxyConfigFields;
import dev.mesh.api.shape.TimeSpans;
import java.time.Duration;
import java.util.List;
import java.util.Map;
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
        Map<String, String> proxyMetadata,
        JsonObject json) {

    private static final String DISCOVERY = "mesh-pilot.mesh-system.svc:" + Ports.XDS;

    private static String text(JsonObject fields, String name, String usual) {
        JsonElement value = fields.get(name);
        return value == null || value.getAsString().isEmpty() ? usual : value.getAsString();
    }

    private static @Nullable Integer number(JsonObject fields, String name) {
        JsonElement value = fields.get(name);
        return value == null ? null : Integer.valueOf(value.getAsString());
    }

    private static int port(JsonObject fields, String name, int usual) {
        Integer port = number(fields, name);
        return port == null ? usual : port;
    }

    private static Duration span(JsonObject fields, String name, Duration usual) {
        JsonElement value = fields.get(name);
        return value == null ? usual : TimeSpans.parse(value.getAsString()).orElse(usual);
    }

    private static Map<String, String> texts(JsonObject fields, String name) {
        var texts = new TreeMap<String, String>();
        if (fields.get(name) instanceof JsonObject map) {
            map.asMap().forEach((key, one) -> texts.put(key, one.getAsString()));
        }
        return texts;
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
        JsonObject fields = ProxyConfigFields.check(
                object,
                (field, what) -> mistakes.add("PROXY_CONFIG." + field + ": " + what),
                (field, what) -> remarks.add("PROXY_CONFIG." + field + ": " + what));
        return new ProxyConfig(
                text(fields, "discoveryAddress", DISCOVERY),
                text(fields, "controlPlaneAuthPolicy", "MUTUAL_TLS").equals("NONE"),
                number(fields, "concurrency"),
                text(fields, "serviceCluster", ""),
                text(fields, "interceptionMode", "REDIRECT"),
                span(fields, "drainDuration", Duration.ofSeconds(45)),
                span(fields, "terminationDrainDuration", Duration.ofSeconds(5)),
                port(fields, "statusPort", Ports.AGENT),
                port(fields, "proxyAdminPort", Ports.ADMIN),
                texts(fields, "proxyMetadata"),
                object);
    }
}
