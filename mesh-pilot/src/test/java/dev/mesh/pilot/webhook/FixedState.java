package dev.mesh.pilot.webhook;

import dev.mesh.pilot.inject.InjectionSettings;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// Settings that a test says.
final class FixedState implements InjectorState {
    final Map<String, Map<String, String>> known = new ConcurrentHashMap<>();
    final Map<String, Map<String, String>> fresh = new ConcurrentHashMap<>();
    volatile InjectionSettings settings = InjectionSettings.read("", "", "", "", "");

    @Override
    public InjectionSettings settings() {
        return settings;
    }

    @Override
    public Map<String, String> namespaceLabels(String namespace) {
        return known.getOrDefault(namespace, Map.of());
    }

    @Override
    public Map<String, String> freshNamespaceLabels(String namespace) {
        return fresh.getOrDefault(namespace, namespaceLabels(namespace));
    }
}
