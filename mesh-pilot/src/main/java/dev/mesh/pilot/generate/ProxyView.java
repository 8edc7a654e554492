package dev.mesh.pilot.generate;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.xds.XdsType;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.List;
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
/// @param leftOut rules that the proxy was not given
/// @param findings what this client does not honour of what it is given
public record ProxyView(
        String pushId,
        Map<XdsType, SortedMap<String, Resource>> resources,
        List<LeftOut> leftOut,
        List<Finding> findings) {
    public static final ProxyView EMPTY = new ProxyView("", Map.of(), List.of(), List.of());

    static ProxyView of(
            Map<XdsType, SortedMap<String, Resource>> resources, List<LeftOut> leftOut, Collection<Finding> findings) {
        try {
            var digest = MessageDigest.getInstance("SHA-256");
            resources.forEach((type, byName) -> byName.values()
                    .forEach(resource -> digest.update((type + resource.name() + "\n" + resource.version() + "\n")
                            .getBytes(StandardCharsets.UTF_8))));
            return new ProxyView(
                    HexFormat.of().formatHex(digest.digest(), 0, 8),
                    resources,
                    List.copyOf(leftOut),
                    List.copyOf(findings));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

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
