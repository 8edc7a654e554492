package dev.mesh.cli.client;

import com.google.gson.JsonObject;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The pilot's pure half, run as a child process: `mesh-pilot render`.
public final class Render {
    private Render() {}

    /// What the pilot would make of a folder.
    ///
    /// @param node id of the proxy it is for, the name of a workload in the folder, or empty: findings only
    /// @return `findings`, and for a node `config` (a configuration dump) and `leftOut`
    public static JsonObject run(Path folder, String node) {
        var arguments = new ArrayList<String>(List.of("--folder", folder.toString()));
        if (!node.isEmpty()) {
            arguments.addAll(List.of("--node", node));
        }
        return PilotChild.run("render", arguments, "rendering " + folder);
    }

    /// What is wrong with files as they stand together.
    ///
    /// @param files not empty; `-` is standard input
    /// @param input what stands for standard input, which may be read already
    /// @return `findings`
    public static JsonObject run(List<String> files, ProcessBuilder.Redirect input) {
        var arguments = new ArrayList<String>();
        files.forEach(file -> arguments.addAll(List.of("--file", file)));
        return PilotChild.run("render", arguments, "comparing " + files.size() + " files", input);
    }
}
