package dev.mesh.pilot.kube;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Which cluster a pilot serves, and as which of several pilots.
///
/// @param kubeconfig null: the service account of the pod it runs in
/// @param namespace the pilot's own
/// @param revision mesh objects whose label `istio.io/rev` names another one are not read
/// @param clusterId name of the cluster in the mesh
/// @param domain of the cluster's DNS names
public record KubeOptions(
        @Nullable Path kubeconfig, String namespace, String revision, String clusterId, String domain) {}
