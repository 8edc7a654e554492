package dev.mesh.pilot.inject;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Lays a partial pod over a pod, as Kubernetes' strategic merge patch does: maps are joined, lists are replaced unless
/// their items have names, null takes a field away, `$patch: delete` an item, and `$patch: replace` joins nothing.
final class StrategicMerge {
    /// List → what its items are known by, for lists of a pod whose items are joined (`patchMergeKey` of `core/v1`).
    private static final Map<String, String> KEYS = Map.ofEntries(
            Map.entry("spec.containers", "name"),
            Map.entry("spec.initContainers", "name"),
            Map.entry("spec.ephemeralContainers", "name"),
            Map.entry("spec.volumes", "name"),
            Map.entry("spec.imagePullSecrets", "name"),
            Map.entry("spec.hostAliases", "ip"),
            Map.entry("spec.topologySpreadConstraints", "topologyKey"),
            Map.entry("spec.resourceClaims", "name"),
            Map.entry("spec.schedulingGates", "name"),
            Map.entry("metadata.ownerReferences", "uid"),
            Map.entry("container.ports", "containerPort"),
            Map.entry("container.env", "name"),
            Map.entry("container.volumeMounts", "mountPath"),
            Map.entry("container.volumeDevices", "devicePath"));

    private static final Set<String> CONTAINERS =
            Set.of("spec.containers", "spec.initContainers", "spec.ephemeralContainers");
    private static final String DIRECTIVE = "$patch";

    private StrategicMerge() {}

    /// @return a new tree; neither argument is changed
    /// @throws IllegalArgumentException with the path of what cannot be merged
    static JsonObject merge(JsonObject pod, JsonObject patch) {
        return map(pod, patch, "");
    }

    /// The same for one container.
    static JsonObject mergeContainer(JsonObject container, JsonObject patch) {
        return map(container, patch, "container");
    }

    private static JsonObject map(JsonObject base, JsonObject patch, String path) {
        if ("replace".equals(Json.text(patch, DIRECTIVE))) {
            JsonObject replaced = patch.deepCopy();
            replaced.remove(DIRECTIVE);
            return replaced;
        }
        JsonObject merged = base.deepCopy();
        for (var entry : patch.entrySet()) {
            String name = entry.getKey();
            JsonElement value = entry.getValue();
            String here = path.isEmpty() ? name : path + "." + name;
            if (name.equals(DIRECTIVE)) {
                directive(here, value, Set.of("merge", "delete"));
            } else if (name.startsWith("$")) {
                throw new IllegalArgumentException(here + ": a directive that is not known here (expected: $patch)");
            } else if (value.isJsonNull()) {
                merged.remove(name);
            } else if (value instanceof JsonObject over) {
                merged.add(name, map(Json.object(merged, name), over, here));
            } else if (value instanceof JsonArray over && KEYS.containsKey(here)) {
                JsonArray items = Json.at(merged, name) instanceof JsonArray known ? known : new JsonArray();
                merged.add(name, list(items, over, here, KEYS.getOrDefault(here, "")));
            } else {
                merged.add(name, value.deepCopy());
            }
        }
        return merged;
    }

    private static void directive(String path, JsonElement value, Set<String> known) {
        if (!value.isJsonPrimitive() || !known.contains(value.getAsString())) {
            throw new IllegalArgumentException(path + ": " + value + " (expected: delete, merge or replace)");
        }
    }

    // Known items stay where they are, new ones come last.
    private static JsonArray list(JsonArray base, JsonArray patch, String path, String key) {
        JsonArray merged = base.deepCopy();
        for (JsonElement element : patch) {
            if (!(element instanceof JsonObject item)) {
                throw new IllegalArgumentException(path + ": " + element + " (expected: a map)");
            }
            String id = Json.text(item, key);
            if (id.isEmpty()) {
                throw new IllegalArgumentException(path + ": an item has no " + key);
            }
            int index = index(merged, key, id);
            if ("delete".equals(Json.text(item, DIRECTIVE))) {
                if (index >= 0) {
                    merged.remove(index);
                }
            } else if (index < 0) {
                JsonObject fresh = item.deepCopy();
                fresh.remove(DIRECTIVE);
                merged.add(fresh);
            } else {
                merged.set(index, item(merged.get(index).getAsJsonObject(), item, path));
            }
        }
        return merged;
    }

    private static JsonObject item(JsonObject base, JsonObject patch, String path) {
        if (CONTAINERS.contains(path)) {
            return map(base, patch, "container");
        }
        if (path.equals("spec.volumes")) {
            JsonObject merged = map(base, patch, path + "[]");
            // A volume has one source.
            base.keySet().stream()
                    .filter(source -> !source.equals("name") && !patch.has(source) && patch.size() > 1)
                    .forEach(merged::remove);
            return merged;
        }
        return map(base, patch, path + "[]");
    }

    private static int index(JsonArray items, String key, String id) {
        for (int i = 0; i < items.size(); i++) {
            if (items.get(i) instanceof JsonObject item && Json.text(item, key).equals(id)) {
                return i;
            }
        }
        return -1;
    }

    static @Nullable JsonObject find(JsonArray items, String name) {
        int index = index(items, "name", name);
        return index < 0 ? null : items.get(index).getAsJsonObject();
    }
}
