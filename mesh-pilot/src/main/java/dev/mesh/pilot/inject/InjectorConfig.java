package dev.mesh.pilot.inject;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import dev.mesh.api.read.JsonTree;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// Who gets a proxy, and by which templates (key `config` of the injector's ConfigMap; Istio's `inject.Config`).
///
/// @param enabled whether pods get a proxy that do not say anything themselves
/// @param defaultTemplates for pods without `inject.istio.io/templates`
/// @param templates texts by name, beside or instead of the built-in ones
/// @param aliases one name for several templates
/// @param never pods with such labels get none; comes before `always`
/// @param injectedAnnotations set on every pod that gets a proxy
public record InjectorConfig(
        boolean enabled,
        List<String> defaultTemplates,
        Map<String, String> templates,
        Map<String, List<String>> aliases,
        List<LabelSelector> never,
        List<LabelSelector> always,
        Map<String, String> injectedAnnotations) {
    private static final Set<String> KEYS = new TreeSet<>(Set.of(
            "policy",
            "defaultTemplates",
            "templates",
            "template",
            "aliases",
            "neverInjectSelector",
            "alwaysInjectSelector",
            "injectedAnnotations"));

    /// What counts when nothing is said.
    public static final InjectorConfig DEFAULT =
            new InjectorConfig(true, List.of(Templates.SIDECAR), Map.of(), Map.of(), List.of(), List.of(), Map.of());

    /// @param yaml empty for [#DEFAULT]
    /// @throws IllegalArgumentException with a sentence
    public static InjectorConfig read(String yaml) {
        JsonElement parsed = yaml.isBlank() ? JsonNull.INSTANCE : JsonTree.parse(yaml);
        if (parsed.isJsonNull()) {
            return DEFAULT;
        }
        if (!(parsed instanceof JsonObject tree)) {
            throw new IllegalArgumentException("config: not a map (expected: policy, templates, ...)");
        }
        for (String key : tree.keySet()) {
            if (!KEYS.contains(key)) {
                throw new IllegalArgumentException(
                        "config." + key + ": unknown (expected: " + String.join(", ", KEYS) + ")");
            }
        }
        String policy = Json.text(tree, "policy");
        if (!Set.of("", "enabled", "disabled").contains(policy)) {
            throw new IllegalArgumentException("config.policy: " + policy + " (expected: enabled or disabled)");
        }
        var aliases = new LinkedHashMap<String, List<String>>();
        Json.object(tree, "aliases").keySet().forEach(name -> aliases.put(name, texts(tree, "aliases", name)));
        List<String> defaults = texts(tree, "defaultTemplates");
        return new InjectorConfig(
                !policy.equals("disabled"),
                defaults.isEmpty() ? List.of(Templates.SIDECAR) : defaults,
                Map.copyOf(Json.strings(tree, "templates")),
                Map.copyOf(aliases),
                selectors(tree, "neverInjectSelector"),
                selectors(tree, "alwaysInjectSelector"),
                Map.copyOf(Json.strings(tree, "injectedAnnotations")));
    }

    private static List<String> texts(JsonObject tree, String... names) {
        var texts = new ArrayList<String>();
        if (Json.at(tree, names) instanceof JsonArray array) {
            array.forEach(item -> texts.add(item.getAsString()));
        }
        return List.copyOf(texts);
    }

    private static List<LabelSelector> selectors(JsonObject tree, String name) {
        var selectors = new ArrayList<LabelSelector>();
        List<JsonObject> items = Json.objects(tree, name);
        for (int i = 0; i < items.size(); i++) {
            try {
                selectors.add(LabelSelector.read(items.get(i)));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("config." + name + "[" + i + "]: operator " + e.getMessage(), e);
            }
        }
        return List.copyOf(selectors);
    }
}
