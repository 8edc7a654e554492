package dev.mesh.pilot.inject;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.mesh.api.read.JsonTree;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A template of the chart's user: a partial pod in YAML, laid over the pod as a strategic merge patch. In its texts
/// `${EXPRESSION}` stands for a look-up ([Expressions]; `$${` for `${` itself). Istio's templates are Go templates; of
/// those, look-ups in `{{ }}` are understood, and everything else is refused with its line.
///
/// The YAML is read before anything is filled in, so no annotation of a pod can change its structure.
final class CustomTemplate {
    private static final Pattern GO = Pattern.compile("(?s)(\\s*)\\{\\{(-?)(.*?)(-?)}}(\\s*)");
    // A mark that no YAML has, in place of an expression.
    private static final String OPEN = "\uE000";
    private static final String CLOSE = "\uE001";
    private static final Pattern MARK = Pattern.compile(OPEN + "(\\d+)" + CLOSE);
    private static final Pattern VARIABLE = Pattern.compile("\\$(\\$?)\\{([^}]*)}");

    private final String name;
    private final List<String> expressions = new ArrayList<>();
    private final Expressions evaluator;

    private CustomTemplate(String name, TemplateInput input) {
        this.name = name;
        this.evaluator = new Expressions(input);
    }

    /// @throws IllegalArgumentException with a sentence that names the template and, where there is one, its line
    static JsonObject render(String name, String text, TemplateInput input) {
        return new CustomTemplate(name, input).render(text);
    }

    private JsonObject render(String text) {
        String marked = mark(text);
        JsonElement parsed;
        try {
            parsed = marked.isBlank() ? new JsonObject() : JsonTree.parse(marked);
        } catch (IllegalArgumentException e) {
            throw fail(0, "no YAML: " + e.getMessage());
        }
        if (parsed.isJsonNull()) {
            return new JsonObject();
        }
        if (!(parsed instanceof JsonObject pod)) {
            throw fail(0, "not a map (expected: metadata and spec of a pod)");
        }
        for (String key : pod.keySet()) {
            if (!List.of("apiVersion", "kind", "metadata", "spec").contains(key)) {
                throw fail(0, key + ": unknown (expected: metadata and spec of a pod)");
            }
        }
        JsonObject filled = fill(pod).getAsJsonObject();
        filled.remove("apiVersion");
        filled.remove("kind");
        return filled;
    }

    // Go's expressions are no YAML: each is kept aside, and a mark stands in its place.
    private String mark(String text) {
        var out = new StringBuilder();
        Matcher matcher = GO.matcher(text);
        int end = 0;
        while (matcher.find()) {
            out.append(text, end, matcher.start());
            end = matcher.end();
            String before = matcher.group(2).isEmpty() ? matcher.group(1) : "";
            String after = matcher.group(4).isEmpty() ? matcher.group(5) : "";
            String expression = matcher.group(3).strip();
            out.append(before);
            if (!expression.startsWith("/*")) {
                out.append(OPEN).append(expressions.size()).append(CLOSE);
                expressions.add(expression);
                try {
                    evaluator.evaluate(expression);
                } catch (IllegalArgumentException e) {
                    int line = 1
                            + (int) text.substring(0, matcher.start(3))
                                    .chars()
                                    .filter(c -> c == '\n')
                                    .count();
                    throw fail(line, String.valueOf(e.getMessage()));
                }
            }
            out.append(after);
        }
        return out.append(text.substring(end)).toString();
    }

    private IllegalArgumentException fail(int line, String what) {
        return new IllegalArgumentException(
                "template \"" + name + "\"" + (line > 0 ? ", line " + line : "") + ": " + what);
    }

    private JsonElement fill(JsonElement element) {
        return switch (element) {
            case JsonObject object -> {
                var filled = new JsonObject();
                object.entrySet().forEach(entry -> filled.add(text(entry.getKey()), fill(entry.getValue())));
                yield filled;
            }
            case JsonArray array -> {
                var filled = new JsonArray();
                array.forEach(item -> filled.add(fill(item)));
                yield filled;
            }
            case JsonPrimitive primitive
            when primitive.isString() -> {
                String text = primitive.getAsString();
                Matcher alone = MARK.matcher(text);
                yield alone.matches() ? scalar(Integer.parseInt(alone.group(1))) : new JsonPrimitive(text(text));
            }
            default -> element;
        };
    }

    // As in Go's templates, an expression that is a value by itself may be a number; `quote` makes it a text.
    private JsonElement scalar(int index) {
        String expression = expressions.get(index);
        String value = evaluator.evaluate(expression);
        boolean quoted = expression.endsWith("quote");
        return !quoted && value.matches("-?\\d{1,18}")
                ? new JsonPrimitive(Long.parseLong(value))
                : !quoted && value.matches("true|false")
                        ? new JsonPrimitive(value.equals("true"))
                        : new JsonPrimitive(value);
    }

    private String text(String text) {
        String marked = MARK.matcher(text)
                .replaceAll(match -> Matcher.quoteReplacement(
                        evaluator.evaluate(expressions.get(Integer.parseInt(match.group(1))))));
        return VARIABLE.matcher(marked).replaceAll(match -> {
            if (!match.group(1).isEmpty()) {
                return Matcher.quoteReplacement("${" + match.group(2) + "}");
            }
            try {
                return Matcher.quoteReplacement(evaluator.evaluate(match.group(2)));
            } catch (IllegalArgumentException e) {
                throw fail(
                        0, "${" + match.group(2) + "}: " + e.getMessage() + "; a ${ that is meant as it stands is $${");
            }
        });
    }
}
