package dev.mesh.proxy.xds;

import dev.mesh.api.xds.XdsType;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;

/// What was accepted so far, whatever stream it came on. Configuration thread.
final class Known {
    private final Map<XdsType, Map<String, String>> byName = new EnumMap<>(XdsType.class);
    private final Map<XdsType, String> ofType = new EnumMap<>(XdsType.class);

    /// Resource name → version (incremental dialect). Live and mutable.
    Map<String, String> versions(XdsType type) {
        return byName.computeIfAbsent(type, any -> new LinkedHashMap<>());
    }

    /// The last accepted version of a whole type (state of the world); empty if none.
    String version(XdsType type) {
        return ofType.getOrDefault(type, "");
    }

    void version(XdsType type, String version) {
        ofType.put(type, version);
    }
}
