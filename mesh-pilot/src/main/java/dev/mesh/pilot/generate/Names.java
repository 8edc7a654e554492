package dev.mesh.pilot.generate;

import dev.mesh.api.networking.VirtualService;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;

/// Names of resources, as Istio gives them: from kind, namespace, name and rule, never from a position.
public final class Names {
    private Names() {}

    static String outbound(int port, String subset, String host) {
        return "outbound|" + port + "|" + subset + "|" + host;
    }

    static String inbound(int port) {
        return "inbound|" + port + "||";
    }

    /// The rule's own name, else a hash of its match.
    public static String rule(VirtualService.HttpRoute route) {
        if (!route.name().isEmpty()) {
            return route.name();
        }
        if (route.match().isEmpty()) {
            return "default";
        }
        var crc = new CRC32();
        crc.update(route.match().toString().getBytes(StandardCharsets.UTF_8));
        return "match-" + Long.toHexString(crc.getValue());
    }
}
