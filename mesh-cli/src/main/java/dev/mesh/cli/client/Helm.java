package dev.mesh.cli.client;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/// Helm, run as a child process: `MESH_HELM`, or `helm` on the path.
///
/// @param program its path
/// @param options for every call, such as `--kubeconfig FILE`
public record Helm(Path program, List<String> options) {
    private static final long PAUSE_MILLIS = 1000;

    /// @throws Failure if there is none
    public static Helm find(Map<String, String> environment, List<String> options) {
        return new Helm(
                Programs.find("MESH_HELM", "helm", environment)
                        .orElseThrow(() -> new Failure(
                                "helm is neither on the path nor named by MESH_HELM: install Helm 3 (helm.sh)")),
                options);
    }

    /// The charts of this distribution.
    ///
    /// @throws Failure if this meshctl has none beside it
    public static Path charts(String home, String chart) {
        // Beside the programs in a distribution; of a checkout, which has its programs in target/home.
        for (Path place : List.of(Path.of(home, "charts"), Path.of(home, "..", "..", "charts"))) {
            if (!home.isEmpty() && Files.exists(place.resolve(chart).resolve("Chart.yaml"))) {
                return place.resolve(chart).normalize();
            }
        }
        throw new Failure("the charts are not beside this meshctl: name one with --chart");
    }

    /// Runs a command to its end, and tells meanwhile what a release is waiting for.
    ///
    /// @param release whose objects are looked at; empty: none
    /// @param teller hears each line once
    /// @throws Failure with what Helm said last, if it fails
    public void run(List<String> arguments, String release, String namespace, Consumer<String> teller) {
        try {
            Path errors = Files.createTempFile("meshctl-helm", ".log");
            Path output = Files.createTempFile("meshctl-helm", ".out");
            try {
                var process = new ProcessBuilder(line(arguments))
                        .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                        .redirectOutput(output.toFile())
                        .redirectError(errors.toFile())
                        .start();
                try {
                    var told = new TreeMap<String, String>();
                    while (!process.waitFor(PAUSE_MILLIS, TimeUnit.MILLISECONDS)) {
                        if (!release.isEmpty()) {
                            waitsFor(release, namespace).forEach((object, state) -> {
                                if (!state.equals(told.put(object, state))) {
                                    teller.accept(object + ": " + state);
                                }
                            });
                        }
                    }
                } finally {
                    process.destroy();
                }
                if (process.exitValue() != 0) {
                    throw new Failure("helm " + arguments.getFirst() + ": " + sentence(Files.readString(errors)));
                }
            } finally {
                Files.delete(errors);
                Files.delete(output);
            }
        } catch (IOException e) {
            throw new Failure(program + ": " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted while helm ran");
        }
    }

    // Deployments by name, with what they have of what they want. A release that is not there yet waits for nothing.
    private Map<String, String> waitsFor(String release, String namespace) throws IOException, InterruptedException {
        var process = new ProcessBuilder(
                        line(List.of("status", release, "-n", namespace, "-o", "json", "--show-resources")))
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        process.getOutputStream().close();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return process.waitFor() == 0 ? states(text) : Map.of();
    }

    static Map<String, String> states(String status) {
        var states = new TreeMap<String, String>();
        try {
            JsonObject info = JsonParser.parseString(status).getAsJsonObject().getAsJsonObject("info");
            if (info != null
                    && info.get("resources") instanceof JsonObject resources
                    && resources.has("v1/Deployment")) {
                for (JsonElement element : resources.getAsJsonArray("v1/Deployment")) {
                    JsonObject deployment = element.getAsJsonObject();
                    int wanted = number(deployment.getAsJsonObject("spec"), "replicas", 1);
                    int ready = number(deployment.getAsJsonObject("status"), "readyReplicas", 0);
                    states.put(
                            deployment.getAsJsonObject("metadata").get("name").getAsString(),
                            ready + " of " + wanted + " ready");
                }
            }
        } catch (JsonParseException | IllegalStateException | ClassCastException e) {
            return Map.of();
        }
        return states;
    }

    private static int number(JsonObject object, String name, int otherwise) {
        return object != null && object.has(name) ? object.get(name).getAsInt() : otherwise;
    }

    private List<String> line(List<String> arguments) {
        var line = new ArrayList<String>();
        line.add(program.toString());
        line.addAll(arguments);
        line.addAll(options);
        return line;
    }

    // Helm logs of links in charts, and ends with `Error: ...`, perhaps over several lines.
    private static String sentence(String errors) {
        int at = errors.lastIndexOf("Error: ");
        return (at < 0 ? errors : errors.substring(at + "Error: ".length())).strip();
    }
}
