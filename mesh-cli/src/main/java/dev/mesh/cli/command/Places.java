package dev.mesh.cli.command;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;

/// Puts what only the pilot knows into an explanation: where objects stand, and rules that were left out.
final class Places {
    private Places() {}

    /// @param rendered with `positions` (`Kind namespace/name rule` → place) and `leftOut`
    static void complete(JsonObject explanation, JsonObject rendered) {
        JsonArray leftOut = rendered.getAsJsonArray("leftOut");
        explanation.add("leftOut", leftOut == null ? new JsonArray() : leftOut);
        place(explanation, rendered.getAsJsonObject("positions"));
    }

    private static void place(JsonElement element, JsonObject positions) {
        if (element.isJsonArray()) {
            element.getAsJsonArray().forEach(item -> place(item, positions));
        } else if (element.isJsonObject()) {
            JsonObject object = element.getAsJsonObject();
            if (object.has("kind") && object.has("position")) {
                String name = text(object, "kind") + " " + text(object, "namespace") + "/" + text(object, "name");
                String rule = name + " " + text(object, "rule");
                object.add(
                        "position",
                        positions.has(rule)
                                ? positions.get(rule)
                                : positions.has(name) ? positions.get(name) : object.get("position"));
            }
            object.entrySet().forEach(entry -> place(entry.getValue(), positions));
        }
    }

    private static String text(JsonObject object, String field) {
        return object.get(field).getAsString();
    }
}
