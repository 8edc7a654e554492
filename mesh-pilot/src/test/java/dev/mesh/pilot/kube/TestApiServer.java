package dev.mesh.pilot.kube;

import dev.mesh.pilot.kubeconfig.KubernetesClients;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;

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

    @Override
    public void close() {
        process.destroy();
        process.onExit().join();
    }
}
