package dev.mesh.proxy.agent;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonSyntaxException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// `ISTIO_KUBE_APP_PROBERS`: path → probe, in the form that Istio's injector writes.
final class AppProbes {
    private static final String NAME = "ISTIO_KUBE_APP_PROBERS";
    private static final Pattern PATH =
            Pattern.compile("/(app-health|app-lifecycle)/[^/]+/(livez|readyz|startupz|prestopz|poststartz)");

    private final List<String> mistakes;

    private AppProbes(List<String> mistakes) {
        this.mistakes = mistakes;
    }

    /// @param json may be empty
    /// @param mistakes gets a sentence for each
    static Map<String, AppProbe> read(String json, List<String> mistakes) {
        if (json.isBlank()) {
            return Map.of();
        }
        var reader = new AppProbes(mistakes);
        var probes = new TreeMap<String, AppProbe>();
        try {
            if (JsonParser.parseString(json) instanceof JsonObject object) {
                object.asMap().forEach((path, probe) -> {
                    AppProbe read = reader.probe(path, probe);
                    if (read != null) {
                        probes.put(path, read);
                    }
                });
            } else {
                mistakes.add(NAME + ": not a JSON object");
            }
        } catch (JsonSyntaxException e) {
            mistakes.add(NAME + ": not JSON: " + said(e));
        }
        return probes;
    }

    /// What a parser says, without the name of its exception.
    static String said(JsonSyntaxException e) {
        Throwable cause = e.getCause() == null ? e : e.getCause();
        return String.valueOf(cause.getMessage()).lines().findFirst().orElse("");
    }

    private @Nullable AppProbe probe(String path, JsonElement element) {
        String at = NAME + "[\"" + path + "\"]";
        if (!PATH.matcher(path).matches()) {
            mistakes.add(at + ": no path of a probe (expected: /app-health/CONTAINER/livez, readyz or startupz)");
            return null;
        }
        if (!(element instanceof JsonObject object)) {
            mistakes.add(at + ": not an object");
            return null;
        }
        var kinds = new ArrayList<AppProbe.Kind>();
        if (object.get("httpGet") instanceof JsonObject http) {
            add(kinds, http(at + ".httpGet", http));
        }
        if (object.get("tcpSocket") instanceof JsonObject tcp) {
            Integer port = port(at + ".tcpSocket", tcp);
            add(kinds, port == null ? null : new AppProbe.Kind.Tcp(text(tcp, "host"), port));
        }
        if (object.get("grpc") instanceof JsonObject grpc) {
            Integer port = port(at + ".grpc", grpc);
            add(kinds, port == null ? null : new AppProbe.Kind.Grpc(port, text(grpc, "service")));
        }
        if (kinds.size() != 1) {
            if (mistakes.stream().noneMatch(mistake -> mistake.startsWith(at))) {
                mistakes.add(at + ": " + kinds.size() + " ways to ask (expected: one of httpGet, tcpSocket, grpc)");
            }
            return null;
        }
        JsonElement timeout = object.get("timeoutSeconds");
        long seconds = timeout == null || !timeout.isJsonPrimitive() ? 1 : (long) number(timeout);
        return new AppProbe(kinds.getFirst(), Duration.ofSeconds(Math.clamp(seconds, 1, 3600)));
    }

    private static void add(List<AppProbe.Kind> kinds, AppProbe.@Nullable Kind kind) {
        if (kind != null) {
            kinds.add(kind);
        }
    }

    private AppProbe.@Nullable Kind http(String at, JsonObject http) {
        Integer port = port(at, http);
        String scheme = text(http, "scheme").toLowerCase(Locale.ROOT);
        if (!scheme.isEmpty() && !scheme.equals("http") && !scheme.equals("https")) {
            mistakes.add(at + ".scheme: \"" + text(http, "scheme") + "\" (expected: HTTP or HTTPS)");
            return null;
        }
        var headers = new ArrayList<AppProbe.Header>();
        if (http.get("httpHeaders") instanceof com.google.gson.JsonArray list) {
            for (JsonElement one : list) {
                if (one instanceof JsonObject header) {
                    String name = text(header, "name");
                    String value = text(header, "value");
                    if (!name.matches("[!#$%&'*+.^_`|~0-9A-Za-z-]+") || !value.matches("[^\\r\\n\\x00]*")) {
                        mistakes.add(at + ".httpHeaders: \"" + name + "\" is no header (expected: as in HTTP)");
                    }
                    headers.add(new AppProbe.Header(name, value));
                }
            }
        }
        String path = text(http, "path");
        if (!path.matches("[^\\s]*")) {
            mistakes.add(at + ".path: \"" + path + "\" (expected: without blanks)");
        }
        return port == null
                ? null
                : new AppProbe.Kind.Http(
                        scheme.isEmpty() ? "http" : scheme,
                        text(http, "host"),
                        port,
                        path.isEmpty() ? "/" : path.startsWith("/") ? path : "/" + path,
                        List.copyOf(headers));
    }

    // The injector has put numbers in the place of names.
    private @Nullable Integer port(String at, JsonObject object) {
        JsonElement port = object.get("port");
        String text = port != null && port.isJsonPrimitive() ? port.getAsString() : "";
        if (!text.matches("[1-9][0-9]{0,4}") || Integer.parseInt(text) > 65535) {
            mistakes.add(at + ".port: " + (port == null ? "missing" : port) + " (expected: 1-65535)");
            return null;
        }
        return Integer.parseInt(text);
    }

    private static double number(JsonElement element) {
        try {
            return element.getAsDouble();
        } catch (NumberFormatException e) {
            return 1;
        }
    }

    private static String text(JsonObject object, String name) {
        JsonElement value = object.get(name);
        return value != null && value.isJsonPrimitive() ? value.getAsString() : "";
    }
}
