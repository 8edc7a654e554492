package dev.mesh.pilot.boot;

import dev.mesh.pilot.kube.KubeOptions;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// What the command line says. Configuration comes from a folder or from a cluster.
///
/// @param folder null if it comes from a cluster
/// @param kubernetes null if it comes from a folder
/// @param xdsPort on loopback; 0 = any
/// @param securePort for proxies, over TLS, if on Kubernetes; 0 = any
/// @param webhookPort for the API server, if on Kubernetes; 0 = any
/// @param httpPort for `/metrics` and `/debug`, on loopback; on all addresses if on Kubernetes; 0 = any
/// @param portFile where the xDS port is written once it serves; null = nowhere
public record PilotProperties(
        @Nullable Path folder,
        @Nullable KubeOptions kubernetes,
        int xdsPort,
        int securePort,
        int webhookPort,
        int httpPort,
        @Nullable Path portFile) {

    /// A pilot on a folder.
    public PilotProperties(Path folder, int xdsPort, int httpPort, @Nullable Path portFile) {
        this(folder, null, xdsPort, 0, 0, httpPort, portFile);
    }

    public boolean isOnKubernetes() {
        return kubernetes != null;
    }
}
