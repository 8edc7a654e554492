package dev.mesh.pilot.kube;

import dev.mesh.api.local.FreePorts;
import dev.mesh.pilot.kubeconfig.KubernetesClients;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A real API server with its etcd, from the program that `-Dkube` names. No controllers: what they would write, a test
/// writes itself.
public final class TestApiServer implements AutoCloseable {
    private final Process process;
    private final Path folder;

    public TestApiServer(Path folder) throws IOException {
        this.folder = folder;
        process = new ProcessBuilder(System.getProperty("kube"), "api", "--dir", folder.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        BufferedReader lines = process.inputReader();
        String line = lines.readLine();
        if (!"ready".equals(line)) {
            process.destroy();
            throw new IOException("the API server did not come up: " + line);
        }
    }

    public Path kubeconfig() {
        return folder.resolve("kubeconfig");
    }

    /// As an administrator.
    public KubernetesClient admin() throws IOException {
        return KubernetesClients.of(kubeconfig());
    }

    /// One more API server on the same etcd, with the same certificates: what a client finds after a restart. It
    /// remembers no changes from before it began.
    Another another() throws IOException {
        ProcessHandle running = process.descendants()
                .filter(child -> child.info()
                        .arguments()
                        .filter(arguments -> List.of(arguments).contains("kube-apiserver"))
                        .isPresent())
                .findFirst()
                .orElseThrow(() -> new IOException("no kube-apiserver runs"));
        int port = new FreePorts().next();
        var command = new ArrayList<String>();
        command.add(running.info().command().orElseThrow());
        for (String argument : running.info().arguments().orElseThrow()) {
            command.add(argument.startsWith("--secure-port=") ? "--secure-port=" + port : argument);
        }
        Path log = folder.resolve("another.log");
        return new Another(
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start(),
                port,
                log);
    }

    /// @param log what it says
    record Another(Process process, int port, Path log) implements AutoCloseable {
        @Override
        public void close() {
            process.destroy();
            process.onExit().join();
        }
    }

    @Override
    public void close() {
        process.destroy();
        process.onExit().join();
    }
}
