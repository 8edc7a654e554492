package dev.mesh.pilot.inject;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A pod that has been through an injector already: what that one added is taken away, so that a second time gives
/// what the first gave (a webhook may be called twice, and people copy running pods).
final class Reinjection {
    private static final List<String> LISTS = List.of("initContainers", "containers", "volumes", "imagePullSecrets");

    private Reinjection() {}

    /// The pod as its author wrote it.
    ///
    /// @return a new tree
    static JsonObject strip(JsonObject injected) {
        JsonObject pod = injected.deepCopy();
        JsonObject annotations = Json.object(pod, "metadata", "annotations");
        JsonObject status = parse(Json.text(annotations, Names.STATUS));
        if (status == null) {
            return pod;
        }
        JsonObject proxy = proxy(pod);
        if (proxy != null) {
            ProbeRewrite.undo(pod, variable(proxy, ProbeRewrite.VARIABLE));
            PrometheusMerge.undo(pod, variable(proxy, PrometheusMerge.VARIABLE));
        }
        JsonObject spec = Json.object(pod, "spec");
        for (String list : LISTS) {
            Set<String> names = names(status, list);
            if (Json.at(spec, list) instanceof JsonArray items) {
                var kept = new JsonArray();
                items.forEach(item -> {
                    if (!names.contains(Json.text(item.getAsJsonObject(), "name"))) {
                        kept.add(item);
                    }
                });
                if (kept.isEmpty() && !list.equals("containers")) {
                    spec.remove(list);
                } else {
                    spec.add(list, kept);
                }
            }
        }
        // What the author had written into the proxy's containers.
        JsonObject overrides = parse(Json.text(annotations, Names.OVERRIDES));
        if (overrides != null) {
            for (String list : List.of("initContainers", "containers")) {
                Json.objects(overrides, list)
                        .forEach(own -> Json.ensureList(spec, list).add(own.deepCopy()));
            }
        }
        annotations.remove(Names.STATUS);
        annotations.remove(Names.OVERRIDES);
        return pod;
    }

    private static @Nullable JsonObject parse(String text) {
        try {
            return text.isEmpty() || !(JsonParser.parseString(text) instanceof JsonObject tree) ? null : tree;
        } catch (JsonParseException e) {
            return null;
        }
    }

    private static Set<String> names(JsonObject status, String list) {
        var names = new HashSet<String>();
        if (Json.at(status, list) instanceof JsonArray array) {
            for (JsonElement name : array) {
                names.add(name.getAsString());
            }
        }
        return names;
    }

    static @Nullable JsonObject proxy(JsonObject pod) {
        var all = new ArrayList<>(Json.objects(pod, "spec", "containers"));
        all.addAll(Json.objects(pod, "spec", "initContainers"));
        return Json.named(all, Names.PROXY);
    }

    private static String variable(JsonObject container, String name) {
        JsonObject variable = Json.named(Json.objects(container, "env"), name);
        return variable == null ? "" : Json.text(variable, "value");
    }

    /// Istio's status annotation: the names of all that was added.
    ///
    /// @param pod before; a volume that it had stays its own
    static String status(JsonObject added, JsonObject pod, String revision) {
        var status = new JsonObject();
        for (String list : LISTS) {
            status.add(
                    list,
                    Json.list(Json.objects(added, "spec", list).stream()
                            .map(item -> Json.text(item, "name"))
                            .filter(name -> list.endsWith("ontainers")
                                    || Json.named(Json.objects(pod, "spec", list), name) == null)
                            .map(JsonPrimitive::new)));
        }
        status.addProperty("revision", revision);
        return Json.compact(status);
    }
}
