package dev.mesh.proxy.node;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A network configuration of CNI, with and without our plugin at the end of its chain. Pure.
///
/// Our part remembers the file as it was before: so that taking it out leaves the very bytes, if nobody else has
/// changed the file since.
final class CniConfig {
    static final String TYPE = "mesh-cni";

    /// Versions that hand a plugin's result to the next; what `mesh-cni` understands.
    private static final List<String> VERSIONS = List.of("0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0");

    private static final String WAS = "was";
    private static final Gson PRETTY =
            new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

    private CniConfig() {}

    /// The name of a file and what is in it.
    record Text(String file, String text) {
        boolean isList() {
            return file.endsWith(".conflist");
        }
    }

    /// Whether a runtime would use it: a list with plugins, or a single plugin.
    static boolean isValid(Text config) {
        JsonObject tree = tree(config.text());
        if (tree == null) {
            return false;
        }
        return config.isList()
                ? !Json.objects(tree, "plugins").isEmpty()
                : !Json.text(tree, "type").isEmpty();
    }

    /// Whether our plugin is in it, whatever its settings.
    static boolean hasPlugin(Text config) {
        return own(config) != null;
    }

    /// Whether our plugin is in it with these settings.
    static boolean hasPlugin(Text config, JsonObject settings) {
        JsonObject own = own(config);
        if (own == null) {
            return false;
        }
        JsonObject said = own.deepCopy();
        said.remove(WAS);
        return said.equals(plugin(settings));
    }

    private static @Nullable JsonObject own(Text config) {
        JsonObject tree = tree(config.text());
        return tree == null
                ? null
                : Json.objects(tree, "plugins").stream()
                        .filter(plugin -> Json.text(plugin, "type").equals(TYPE))
                        .findFirst()
                        .orElse(null);
    }

    /// With our plugin at its end; a single plugin becomes a list, which is another file.
    ///
    /// @param config valid
    /// @param settings of our plugin
    /// @throws IOException with a sentence, if this configuration cannot be chained to
    static Text chain(Text config, JsonObject settings) throws IOException {
        Text before = unchain(config);
        JsonObject tree = must(before);
        if (!before.isList()) {
            var list = new JsonObject();
            list.addProperty("cniVersion", Json.text(tree, "cniVersion"));
            list.add("name", tree.get("name"));
            var plugins = new JsonArray();
            plugins.add(tree);
            list.add("plugins", plugins);
            tree = list;
        }
        String version = Json.text(tree, "cniVersion");
        if (!VERSIONS.contains(version)) {
            throw new IOException(before.file() + ": cniVersion is \"" + version
                    + "\", with which plugins cannot be chained (expected: one of " + VERSIONS + ")");
        }
        JsonObject own = plugin(settings);
        var was = new JsonObject();
        was.addProperty("file", before.file());
        was.addProperty("text", before.text());
        own.add(WAS, was);
        tree.getAsJsonArray("plugins").add(own);
        String file = before.isList() ? before.file() : before.file().replaceFirst("\\.[^.]*$", ".conflist");
        return new Text(file, PRETTY.toJson(tree) + "\n");
    }

    /// Without our plugin: as it was before, or, where others have changed it since, with what they have changed.
    static Text unchain(Text config) throws IOException {
        JsonObject own = own(config);
        if (own == null) {
            return config;
        }
        JsonObject tree = must(config);
        var others = new JsonArray();
        for (JsonElement plugin : tree.getAsJsonArray("plugins")) {
            if (!(plugin instanceof JsonObject object)
                    || !Json.text(object, "type").equals(TYPE)) {
                others.add(plugin);
            }
        }
        tree.add("plugins", others);
        var was = new Text(Json.text(own, WAS, "file"), Json.text(own, WAS, "text"));
        JsonObject before = tree(was.text());
        boolean single = before != null && !was.isList();
        boolean unchanged = single ? others.size() == 1 && others.get(0).equals(before) : tree.equals(before);
        return unchanged && !was.file().isEmpty() ? was : new Text(config.file(), PRETTY.toJson(tree) + "\n");
    }

    private static JsonObject plugin(JsonObject settings) {
        var plugin = new JsonObject();
        plugin.addProperty("type", TYPE);
        // So that the runtime tells the plugin what the injector wrote into the pod.
        var capabilities = new JsonObject();
        capabilities.addProperty("io.kubernetes.cri.pod-annotations", true);
        plugin.add("capabilities", capabilities);
        settings.entrySet().forEach(entry -> plugin.add(entry.getKey(), entry.getValue()));
        return plugin;
    }

    private static JsonObject must(Text config) throws IOException {
        JsonObject tree = tree(config.text());
        if (tree == null) {
            throw new IOException(config.file() + " is not JSON");
        }
        return tree;
    }

    private static @Nullable JsonObject tree(String text) {
        try {
            return text.isBlank() || !(JsonParser.parseString(text) instanceof JsonObject tree) ? null : tree;
        } catch (JsonParseException e) {
            return null;
        }
    }
}
