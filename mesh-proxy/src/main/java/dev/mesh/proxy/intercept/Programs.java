package dev.mesh.proxy.intercept;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Runs the programs that change the network's rules. Blocks.
final class Programs {
    private static final long LIMIT_SECONDS = 60;

    private final List<Path> places;
    private final @Nullable String namespace;

    /// @param path directories, separated as in `PATH`; those of system programs are looked at beside
    Programs(String path) {
        this(path, null);
    }

    /// @param namespace the file of the network namespace that they run in; null = this process's
    Programs(String path, @Nullable String namespace) {
        this.namespace = namespace;
        places = List.of((path + ":/usr/sbin:/sbin:/usr/bin:/bin").split(":")).stream()
                .filter(place -> !place.isEmpty())
                .map(Path::of)
                .distinct()
                .toList();
    }

    /// What a program said.
    record Result(int code, String output, String errors) {
        boolean isSuccess() {
            return code == 0;
        }

        /// What it complained of, in one line.
        String complaint() {
            return errors.strip().replaceAll("\\s*\\n\\s*", "; ");
        }
    }

    boolean has(String name) {
        return find(name) != null;
    }

    private @Nullable Path find(String name) {
        return places.stream()
                .map(place -> place.resolve(name))
                .filter(Files::isExecutable)
                .findFirst()
                .orElse(null);
    }

    private Path must(String name) throws IOException {
        Path program = find(name);
        if (program == null) {
            throw new IOException(name + " is not there (looked in " + places + ")");
        }
        return program;
    }

    /// @param input for its standard input
    /// @throws IOException if it is not there or does not end
    Result run(String input, String name, String... args) throws IOException {
        var command = new ArrayList<String>();
        if (namespace != null) {
            command.add(must("nsenter").toString());
            command.add("-n" + namespace);
        }
        command.add(must(name).toString());
        command.addAll(List.of(args));
        Process process = new ProcessBuilder(command).start();
        var output = read(process.getInputStream());
        var errors = read(process.getErrorStream());
        try {
            try (var in = process.getOutputStream()) {
                in.write(input.getBytes(StandardCharsets.UTF_8));
            } catch (IOException e) {
                // It ended without reading all: what it says is of more use.
            }
            if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                throw new IOException(name + " did not end within " + LIMIT_SECONDS + " s");
            }
            return new Result(process.exitValue(), output.join(), errors.join());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(name + " was interrupted", e);
        } finally {
            process.destroyForcibly();
        }
    }

    private static CompletableFuture<String> read(java.io.InputStream from) {
        var text = new CompletableFuture<String>();
        Thread.ofVirtual().start(() -> {
            try (from) {
                text.complete(new String(from.readAllBytes(), StandardCharsets.UTF_8));
            } catch (IOException e) {
                text.complete("");
            }
        });
        return text;
    }
}
