package dev.mesh.pilot.inject;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import org.jspecify.annotations.Nullable;

/// The chart's values (key `values` of the injector's ConfigMap), with Istio's names. What the chart leaves out has
/// Istio's default.
record Values(JsonObject root) {
    /// @param path names joined by dots, such as `global.proxy.logLevel`
    @Nullable
    JsonElement at(String path) {
        return Json.at(root, path.split("\\.", -1));
    }

    /// The plain value there as text, or the default if there is none or it is empty.
    String text(String path, String otherwise) {
        return at(path) instanceof JsonPrimitive value && !value.getAsString().isEmpty()
                ? value.getAsString()
                : otherwise;
    }

    boolean flag(String path, boolean otherwise) {
        return text(path, Boolean.toString(otherwise)).equals("true");
    }
}
