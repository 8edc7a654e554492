package dev.mesh.e2e;

import dev.mesh.e2e.cluster.Children;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// One of our programs as a child process.
final class Program implements AutoCloseable {
    private final Process process;
    private final Path log;

    private Program(Process process, Path log) {
        this.process = process;
        this.log = log;
    }

    /// @param module whose jars make the class path
    /// @param log where its output goes
    static Program start(String module, String main, Path log, List<String> arguments) throws IOException {
        return start(module, main, log, arguments, Map.of());
    }

    /// @param environment more of it
    static Program start(String module, String main, Path log, List<String> arguments, Map<String, String> environment)
            throws IOException {
        Path target = Path.of("..", module, "target");
        String classPath;
        try (var jars = Files.list(target)) {
            classPath = jars.filter(jar -> jar.toString().endsWith(".jar"))
                            .map(Path::toString)
                            .findFirst()
                            .orElseThrow(
                                    () -> new IOException("no jar in " + target + ": package " + module + " first"))
                    + ":" + target.resolve("lib") + "/*";
        }
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                classPath,
                main));
        command.addAll(arguments);
        return run(command, log, environment);
    }

    /// Any program.
    static Program run(List<String> command, Path log) throws IOException {
        return run(command, log, Map.of());
    }

    private static Program run(List<String> command, Path log, Map<String, String> environment) throws IOException {
        var builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        builder.environment().putAll(environment);
        var process = builder.start();
        return new Program(process, log);
    }

    /// Ends it at once, as the kernel does when memory is short.
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /// What it has printed.
    @Override
    public String toString() {
        try {
            return output();
        } catch (IOException e) {
            return e.toString();
        }
    }

    String output() throws IOException {
        return Files.readString(log);
    }

    @Override
    public void close() {
        Children.end(process);
    }
}
