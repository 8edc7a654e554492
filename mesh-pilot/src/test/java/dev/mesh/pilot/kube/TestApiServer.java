package dev.mesh.pilot.kube;

import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;

/// A real API server with its etcd, from the program that `-Dkube` names. No controllers: what they would write, a test
/// writes itself.
final class TestApiServer implements AutoCloseable {
    private final Process process;
    private final Path folder;

    TestApiServer(Path folder) throws IOException {
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

    Path kubeconfig() {
        return folder.resolve("kubeconfig");
    }

    /// As an administrator.
    KubernetesClient admin() throws IOException {
        return KubeClients.of(kubeconfig());
    }

    @Override
    public void close() {
        process.destroy();
        process.onExit().join();
    }
}
