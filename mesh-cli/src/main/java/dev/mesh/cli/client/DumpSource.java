package dev.mesh.cli.client;

import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Where Envoy's admin JSON comes from.
public sealed interface DumpSource {
    /// What the admin endpoint gives for `path`, such as `/config_dump?include_eds`.
    JsonElement get(String path);

    /// An admin endpoint asked directly.
    record ByAdmin(AdminClient admin) implements DumpSource {
        @Override
        public JsonElement get(String path) {
            return parse(admin.get(path), path);
        }
    }

    /// By the pilot, which asks the proxy.
    record ByPilot(PilotClient pilot, String proxy) implements DumpSource {
        @Override
        public JsonElement get(String path) {
            try (pilot) {
                return parse(pilot.dump(pilot.find(proxy), path), path);
            }
        }
    }

    /// A saved `/config_dump`.
    record ByFile(Path file) implements DumpSource {
        @Override
        public JsonElement get(String path) {
            if (!path.startsWith("/config_dump")) {
                throw new Failure(file + " is a configuration dump and does not say what " + path + " would");
            }
            try {
                return parse(Files.readString(file), file.toString());
            } catch (IOException e) {
                throw new Failure(file + ": cannot be read (" + e.getMessage() + ")");
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
