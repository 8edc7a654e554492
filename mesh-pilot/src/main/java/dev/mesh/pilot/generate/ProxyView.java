package dev.mesh.pilot.generate;

import dev.mesh.api.xds.XdsType;
import java.util.EnumMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// All resources that one proxy may subscribe to, from one snapshot. Immutable, and shared by proxies
/// whose inputs are equal.
///
/// For a client with VHDS, the virtual hosts are under [XdsType#VIRTUAL_HOST] and the route configurations
/// carry none; for others the route configurations are whole and there are no virtual hosts.
///
/// @param pushId hash over names and versions of everything in it
public record ProxyView(String pushId, Map<XdsType, SortedMap<String, Resource>> resources) {
    public static final ProxyView EMPTY = new ProxyView("", Map.of());

    /// By name, in order; empty if there are none of the type.
    public SortedMap<String, Resource> of(XdsType type) {
        var found = resources.get(type);
        return found == null ? new TreeMap<>() : found;
    }

    /// How many resources there are of each type, in push order.
    public Map<XdsType, Integer> counts() {
        var counts = new EnumMap<XdsType, Integer>(XdsType.class);
        resources.forEach((type, byName) -> counts.put(type, byName.size()));
        return counts;
    }
}
