package dev.mesh.cli.client;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/// Programs of others that meshctl runs.
final class Programs {
    private Programs() {}

    /// @param variable of the environment that may name its path
    /// @param name of it on the path
    /// @return empty if it is on no folder of the path
    /// @throws Failure if the variable names what is no program
    static Optional<Path> find(String variable, String name, Map<String, String> environment) {
        String named = environment.getOrDefault(variable, "");
        if (!named.isEmpty()) {
            if (!Files.isExecutable(Path.of(named))) {
                throw new Failure(variable + ": " + named + " (expected: the program " + name + ")");
            }
            return Optional.of(Path.of(named));
        }
        for (String folder : environment.getOrDefault("PATH", "").split(File.pathSeparator, -1)) {
            Path candidate = Path.of(folder, name);
            if (!folder.isEmpty() && Files.isExecutable(candidate)) {
                return Optional.of(candidate);
            }
        }
        return Optional.empty();
    }
}
