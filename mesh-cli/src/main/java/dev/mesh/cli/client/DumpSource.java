package dev.mesh.cli.client;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.mesh.api.read.ConfigFolder;
import dev.mesh.api.read.JsonTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Where the configuration of one proxy comes from.
public sealed interface DumpSource {
    /// What the admin endpoint gives for `/config_dump?include_eds`.
    JsonElement dump();

    /// What the admin endpoint gives for `/clusters?format=json`; without a running proxy what the configuration says.
    JsonElement clusters();

    /// The names that the proxy answers DNS questions for: `istio.networking.nds.v1.NameTable`.
    ///
    /// @throws Failure if it answers none, or does not run
    JsonElement names();

    /// An admin endpoint asked directly.
    record ByAdmin(AdminClient admin) implements DumpSource {
        @Override
        public JsonElement dump() {
            return parse(admin.get("/config_dump?include_eds"), admin.toString());
        }

        @Override
        public JsonElement clusters() {
            return parse(admin.get("/clusters?format=json"), admin.toString());
        }

        @Override
        public JsonElement names() {
            return parse(admin.get("/debug/ndsz"), admin.toString());
        }
    }

    /// By the pilot, which asks the proxy.
    record ByPilot(PilotClient pilot, String proxy) implements DumpSource {
        @Override
        public JsonElement dump() {
            return ask("/config_dump?include_eds");
        }

        @Override
        public JsonElement clusters() {
            return ask("/clusters?format=json");
        }

        @Override
        public JsonElement names() {
            return ask("/debug/ndsz");
        }

        private JsonElement ask(String path) {
            try (pilot) {
                return parse(pilot.dump(pilot.find(proxy), path), proxy);
            }
        }
    }

    /// A saved `/config_dump`, an Envoy bootstrap, or a folder of YAML with the name of a proxy.
    record ByFile(Path file, @Nullable String proxy) implements DumpSource {
        @Override
        public JsonElement dump() {
            if (!Files.exists(file)) {
                throw new Failure(file + ": no such file or folder");
            }
            if (Files.isDirectory(file)) {
                if (proxy == null) {
                    throw new Failure(
                            "say which proxy: the name of a WorkloadEntry in " + file + ", or of a gateway (edge)");
                }
                return Render.run(file, proxy).get("config");
            }
            JsonElement root;
            try {
                root = tree(Files.readString(file));
            } catch (IOException e) {
                throw new Failure(file + ": " + ConfigFolder.reason(e));
            }
            if (root.isJsonObject() && root.getAsJsonObject().has("configs")) {
                return root;
            }
            if (root.isJsonObject() && root.getAsJsonObject().has("static_resources")) {
                return Dump.ofBootstrap(root.getAsJsonObject());
            }
            throw new Failure(file + ": neither a configuration dump (an object with \"configs\") nor a bootstrap"
                    + " with \"static_resources\"");
        }

        @Override
        public JsonElement clusters() {
            return new Dump(dump()).clusterStatuses();
        }

        @Override
        public JsonElement names() {
            throw new Failure("the table of names is in no file: ask a proxy that runs (PROXY, or --admin HOST:PORT)");
        }

        private JsonElement tree(String text) {
            if (text.stripLeading().startsWith("{")) {
                return parse(text, file.toString());
            }
            try {
                JsonElement tree = JsonTree.parse(text);
                return tree.isJsonObject() ? tree : new JsonObject();
            } catch (IllegalArgumentException e) {
                throw new Failure(file + ": neither JSON nor YAML (" + e.getMessage() + ")");
            }
        }
    }

    private static JsonElement parse(String text, String from) {
        try {
            return JsonParser.parseString(text);
        } catch (JsonParseException e) {
            throw new Failure(from + ": not JSON (" + e.getMessage() + ")");
        }
    }
}
