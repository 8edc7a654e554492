package dev.mesh.e2e.cluster;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// A real API server and its etcd on free loopback ports, with nothing in it: for what needs Kubernetes' API and no
/// pods. There are no controllers: Namespaces get no default ServiceAccount, and deleted ones stay in Terminating.
///
/// It ends with [#close], or with this JVM, however that ends.
public final class ApiServer implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final Process process;
    private final Path dir;

    private ApiServer(Process process, Path dir) {
        this.process = process;
        this.dir = dir;
    }

    /// Starts one and waits until it is ready, some seconds. Needs `-Dkube`, the path that `./scripts/kube` prints.
    ///
    /// @param dir for its data and logs; best a temporary one
    /// @throws IOException if it does not come up; says why, with the end of the log that knows
    public static ApiServer start(Path dir) throws IOException {
        Path errors = Files.createDirectories(dir).resolve("errors.log");
        var process = new ProcessBuilder(System.getProperty("kube"), "api", "--dir", dir.toString())
                .redirectError(errors.toFile())
                .start();
        try {
            var line = CompletableFuture.supplyAsync(() -> firstLine(process));
            if (line.get(PATIENCE.toSeconds(), TimeUnit.SECONDS).equals("ready")) {
                return new ApiServer(process, dir);
            }
            throw new IOException("the API server did not come up: " + Files.readString(errors));
        } catch (ExecutionException | TimeoutException e) {
            process.destroyForcibly();
            throw new IOException("the API server did not come up: " + Files.readString(errors), e);
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while the API server came up", e);
        } catch (IOException e) {
            process.destroyForcibly();
            throw e;
        }
    }

    private static String firstLine(Process process) {
        try {
            BufferedReader reader = process.inputReader();
            String line = reader.readLine();
            return line == null ? "" : line;
        } catch (IOException e) {
            return "";
        }
    }

    /// The file by which an administrator reaches it; whole in itself.
    public Path kubeconfig() {
        return dir.resolve("kubeconfig");
    }

    /// `kubectl` as an administrator.
    public Kubectl kubectl() {
        return new Kubectl(kubeconfig());
    }

    /// Ends it at once; the data stays in the folder it was given.
    @Override
    public void close() {
        Children.end(process);
    }
}
