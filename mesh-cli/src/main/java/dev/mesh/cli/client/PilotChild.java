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

/// The pilot of this distribution, run as a child process for what its rules alone can say.
public final class PilotChild {
    private static final String OWN_NAME = "mesh-pilot: ";

    private PilotChild() {}

    /// Runs it to its end; its standard input is this process's own.
    ///
    /// @param command such as `render`
    /// @param doing what the user sees meanwhile
    /// @return what it printed
    /// @throws Failure with its own sentence if it fails
    public static JsonObject run(String command, List<String> arguments, String doing) {
        return run(command, arguments, doing, ProcessBuilder.Redirect.INHERIT);
    }

    /// The same with a standard input of its own.
    public static JsonObject run(String command, List<String> arguments, String doing, ProcessBuilder.Redirect input) {
        String home = System.getProperty("mesh.home", "");
        if (home.isEmpty()) {
            throw new Failure("mesh-pilot is not beside this meshctl (expected: the bin/meshctl of a distribution)");
        }
        var line = new ArrayList<String>(List.of(home + "/bin/mesh-pilot", command));
        line.addAll(arguments);
        Path errors = null;
        try (var _ = Progress.of(doing)) {
            errors = Files.createTempFile("meshctl-" + command, ".log");
            var process = new ProcessBuilder(line)
                    .redirectInput(input)
                    .redirectError(errors.toFile())
                    .start();
            String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new Failure(sentence(Files.readString(errors)));
            }
            return JsonParser.parseString(out).getAsJsonObject();
        } catch (IOException | JsonParseException | IllegalStateException e) {
            throw new Failure("mesh-pilot " + command + " failed: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted while " + doing);
        } finally {
            delete(errors);
        }
    }

    // What it says last of all, without its name; libraries may have logged before.
    private static String sentence(String errors) {
        int at = errors.lastIndexOf(OWN_NAME);
        return (at < 0 ? errors : errors.substring(at + OWN_NAME.length())).strip();
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
