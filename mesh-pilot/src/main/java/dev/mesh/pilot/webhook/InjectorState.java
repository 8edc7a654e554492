package dev.mesh.pilot.webhook;

import dev.mesh.pilot.inject.InjectionSettings;
import java.util.Map;

/// What injection depends on at this moment.
public interface InjectorState {
    InjectionSettings settings();

    /// Labels of a namespace as last heard of.
    Map<String, String> namespaceLabels(String namespace);

    /// The same, asked of the API server now: what was last heard may be older than the pod.
    Map<String, String> freshNamespaceLabels(String namespace);
}
