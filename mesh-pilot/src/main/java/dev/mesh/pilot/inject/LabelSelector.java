package dev.mesh.pilot.inject;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Kubernetes' label selector: all of it must hold (`meta/v1 LabelSelector`).
public record LabelSelector(Map<String, String> matchLabels, List<Requirement> matchExpressions) {
    public LabelSelector {
        matchLabels = Map.copyOf(matchLabels);
        matchExpressions = List.copyOf(matchExpressions);
    }

    /// @param operator `In`, `NotIn`, `Exists` or `DoesNotExist`
    public record Requirement(String key, String operator, List<String> values) {
        boolean matches(Map<String, String> labels) {
            String value = labels.get(key);
            return switch (operator) {
                case "In" -> value != null && values.contains(value);
                case "NotIn" -> value == null || !values.contains(value);
                case "Exists" -> value != null;
                case "DoesNotExist" -> value == null;
                default ->
                    throw new IllegalArgumentException(operator + " (expected: In, NotIn, Exists or DoesNotExist)");
            };
        }
    }

    /// @throws IllegalArgumentException with a sentence if an operator is none
    public static LabelSelector read(JsonObject tree) {
        var expressions = new ArrayList<Requirement>();
        for (JsonObject expression : Json.objects(tree, "matchExpressions")) {
            var values = new ArrayList<String>();
            if (Json.at(expression, "values") instanceof JsonArray array) {
                for (JsonElement value : array) {
                    values.add(value.getAsString());
                }
            }
            var requirement = new Requirement(
                    Json.text(expression, "key"), Json.text(expression, "operator"), List.copyOf(values));
            requirement.matches(Map.of());
            expressions.add(requirement);
        }
        return new LabelSelector(Json.strings(tree, "matchLabels"), expressions);
    }

    public boolean isEmpty() {
        return matchLabels.isEmpty() && matchExpressions.isEmpty();
    }

    /// An empty selector matches everything.
    public boolean matches(Map<String, String> labels) {
        return matchLabels.entrySet().stream()
                        .allMatch(entry -> entry.getValue().equals(labels.get(entry.getKey())))
                && matchExpressions.stream().allMatch(requirement -> requirement.matches(labels));
    }
}
