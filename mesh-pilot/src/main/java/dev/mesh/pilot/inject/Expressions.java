package dev.mesh.pilot.inject;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The look-ups that a template of one's own may contain: `.Values.global.hub`, `index .ObjectMeta.Labels "app"`,
/// `annotation .ObjectMeta "sidecar.istio.io/logLevel" "warning"`, and after a bar `default "x"`, `quote`, `toLower`.
/// Everything else of Go's templates (conditions, loops, other functions) is refused by name.
final class Expressions {
    private static final Pattern TERM =
            Pattern.compile("\\s*(?:\"((?:[^\"\\\\]|\\\\.)*)\"|`([^`]*)`|([^\\s|\"`]+)|(\\|))");

    /// Short names for what is wanted most; Istio's data by its path otherwise.
    private static final Map<String, String> SHORT = Map.of(
            "NAMESPACE", ".ObjectMeta.Namespace",
            "POD_NAME", ".ObjectMeta.Name",
            "SERVICE_ACCOUNT", ".Spec.ServiceAccountName",
            "WORKLOAD", ".DeploymentMeta.Name",
            "REVISION", ".Revision",
            "PROXY_IMAGE", ".ProxyImage",
            "HUB", ".Values.global.hub",
            "TAG", ".Values.global.tag",
            "TRUST_DOMAIN", ".MeshConfig.trustDomain");

    private final TemplateInput input;

    Expressions(TemplateInput input) {
        this.input = input;
    }

    private record Term(String text, boolean literal) {}

    /// @throws IllegalArgumentException with what is not understood
    String evaluate(String expression) {
        var pipeline = new ArrayList<List<Term>>();
        pipeline.add(new ArrayList<>());
        Matcher matcher = TERM.matcher(expression.strip());
        int end = 0;
        while (matcher.find() && matcher.start() == end) {
            end = matcher.end();
            if (matcher.group(4) != null) {
                pipeline.add(new ArrayList<>());
            } else if (matcher.group(3) != null) {
                pipeline.getLast().add(new Term(matcher.group(3), false));
            } else {
                String text =
                        matcher.group(1) != null ? matcher.group(1).replaceAll("\\\\(.)", "$1") : matcher.group(2);
                pipeline.getLast().add(new Term(text, true));
            }
        }
        if (end != expression.strip().length() || pipeline.stream().anyMatch(List::isEmpty)) {
            throw notUnderstood(expression);
        }
        String value = head(pipeline.getFirst(), expression);
        for (List<Term> filter : pipeline.subList(1, pipeline.size())) {
            value = filter(value, filter, expression);
        }
        return value;
    }

    private static IllegalArgumentException notUnderstood(String expression) {
        return new IllegalArgumentException("the expression \"" + expression.strip()
                + "\" is not understood (expected: a look-up such as .Values.global.hub, index .ObjectMeta.Labels"
                + " \"app\", or annotation .ObjectMeta \"name\" \"default\", with | default \"x\" after it)");
    }

    private String head(List<Term> terms, String expression) {
        Term first = terms.getFirst();
        if (terms.size() == 1) {
            return value(first, expression);
        }
        if (!first.literal() && first.text().equals("index") && terms.size() == 3) {
            return switch (terms.get(1).text()) {
                case ".ObjectMeta.Annotations" ->
                    input.annotations().getOrDefault(terms.get(2).text(), "");
                case ".ObjectMeta.Labels" ->
                    input.labels().getOrDefault(terms.get(2).text(), "");
                default -> throw notUnderstood(expression);
            };
        }
        if (!first.literal()
                && first.text().equals("annotation")
                && terms.size() == 4
                && terms.get(1).text().equals(".ObjectMeta")) {
            String own = input.annotations().get(terms.get(2).text());
            return own != null ? own : value(terms.get(3), expression);
        }
        if (!first.literal() && first.text().equals("valueOrDefault") && terms.size() == 3) {
            String value = value(terms.get(1), expression);
            return value.isEmpty() ? value(terms.get(2), expression) : value;
        }
        throw notUnderstood(expression);
    }

    private String filter(String value, List<Term> terms, String expression) {
        String name = terms.getFirst().text();
        if (name.equals("default") && terms.size() == 2) {
            return value.isEmpty() ? value(terms.get(1), expression) : value;
        }
        if (name.equals("quote") && terms.size() == 1) {
            return value; // a text of YAML already
        }
        if ((name.equals("toLower") || name.equals("lower")) && terms.size() == 1) {
            return value.toLowerCase(Locale.ROOT);
        }
        throw notUnderstood(expression);
    }

    private String value(Term term, String expression) {
        if (term.literal()) {
            return term.text();
        }
        String path = SHORT.getOrDefault(term.text(), term.text());
        if (path.matches("-?\\d+|true|false")) {
            return path;
        }
        String value = path.startsWith(".") ? lookUp(path) : null;
        if (value == null) {
            throw notUnderstood(expression);
        }
        return value;
    }

    private @Nullable String lookUp(String path) {
        return switch (path) {
            case ".ObjectMeta.Namespace", ".DeploymentMeta.Namespace" -> input.namespace();
            case ".ObjectMeta.Name" -> Json.text(input.pod(), "metadata", "name");
            case ".Spec.ServiceAccountName" -> Json.text(input.pod(), "spec", "serviceAccountName");
            case ".Spec.NodeName" -> Json.text(input.pod(), "spec", "nodeName");
            case ".DeploymentMeta.Name" -> input.workload().name();
            case ".TypeMeta.Kind" -> input.workload().kind();
            case ".TypeMeta.APIVersion" -> input.workload().apiVersion();
            case ".Revision" -> input.settings().revision();
            case ".ProxyImage", ".ProxyInitImage" -> input.proxyImage();
            case ".ProxyUID", ".ProxyGID" -> "1337";
            case ".NativeSidecars" -> Boolean.toString(input.nativeSidecar());
            case ".ProxyConfig.InterceptionMode" -> input.interceptionMode();
            case ".MeshConfig.trustDomain", ".MeshConfig.TrustDomain" -> input.trustDomain();
            default -> {
                if (path.startsWith(".Values.")) {
                    yield plain(input.settings().values(), path.substring(".Values.".length()));
                }
                if (path.startsWith(".MeshConfig.")) {
                    yield plain(input.settings().mesh(), lowerFirst(path.substring(".MeshConfig.".length())));
                }
                if (path.startsWith(".ProxyConfig.")) {
                    yield plain(input.proxyConfig(), lowerFirst(path.substring(".ProxyConfig.".length())));
                }
                yield null;
            }
        };
    }

    // Go's field names begin large, those of YAML small.
    private static String lowerFirst(String path) {
        return Pattern.compile("(^|\\.)([A-Z])")
                .matcher(path)
                .replaceAll(match -> match.group(1) + match.group(2).toLowerCase(Locale.ROOT));
    }

    private static @Nullable String plain(JsonObject root, String path) {
        JsonElement value = Json.at(root, path.split("\\.", -1));
        if (value == null) {
            return "";
        }
        return value instanceof JsonPrimitive primitive ? primitive.getAsString() : null;
    }
}
