package dev.mesh.cli.client;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The pilot's pure half, run as a child process: `mesh-pilot render`.
public final class Render {
    private static final String OWN_NAME = "mesh-pilot: ";

    private Render() {}

    /// What the pilot would make of a folder.
    ///
    /// @param node id of the proxy it is for, the name of a workload in the folder, or empty: findings only
    /// @return `findings`, and for a node `config` (a configuration dump) and `leftOut`
    public static JsonObject run(Path folder, String node) {
        String home = System.getProperty("mesh.home", "");
        if (home.isEmpty()) {
            throw new Failure("mesh-pilot is not beside this meshctl (expected: the bin/meshctl of a distribution)");
        }
        var command = new ArrayList<String>(List.of(home + "/bin/mesh-pilot", "render", "--folder", folder.toString()));
        if (!node.isEmpty()) {
            command.addAll(List.of("--node", node));
        }
        Path errors = null;
        try (var _ = Progress.of("rendering " + folder)) {
            errors = Files.createTempFile("meshctl-render", ".log");
            var process =
                    new ProcessBuilder(command).redirectError(errors.toFile()).start();
            String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                String said = Files.readString(errors).strip();
                throw new Failure(said.startsWith(OWN_NAME) ? said.substring(OWN_NAME.length()) : said);
            }
            return JsonParser.parseString(out).getAsJsonObject();
        } catch (IOException | JsonParseException | IllegalStateException e) {
            throw new Failure("mesh-pilot render failed: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted while mesh-pilot rendered " + folder);
        } finally {
            delete(errors);
        }
    }

    private static void delete(@org.jspecify.annotations.Nullable Path file) {
        try {
            if (file != null) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            file.toFile().deleteOnExit();
        }
    }
}
