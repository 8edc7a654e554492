package dev.mesh.pilot.generate;

import dev.mesh.api.networking.VirtualService;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;

/// Names of resources, as Istio gives them: from kind, namespace, name and rule, never from a position.
public final class Names {
    /// Cluster: where the caller is going, of hosts that the registry does not know.
    static final String PASSTHROUGH = "PassthroughCluster";

    /// Cluster: nowhere.
    static final String BLACK_HOLE = "BlackHoleCluster";

    /// Cluster: ports of the workload that no service has.
    static final String INBOUND_PASSTHROUGH = "InboundPassthroughCluster";

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
        return route.match().isEmpty() ? "default" : "match-" + hash(route.match());
    }

    /// A hash of its match: such rules have no names.
    static String rule(VirtualService.TcpRoute route) {
        return route.match().isEmpty() ? "tcp" : "tcp-" + hash(route.match());
    }

    /// A hash of its match: such rules have no names.
    static String rule(VirtualService.TlsRoute route) {
        return "tls-" + hash(route.match());
    }

    /// The field path of each rule, by its name; of equal ones the first.
    public static Map<String, String> rules(VirtualService spec) {
        var paths = new LinkedHashMap<String, String>();
        for (int i = 0; i < spec.http().size(); i++) {
            paths.putIfAbsent(rule(spec.http().get(i)), "spec.http[" + i + "]");
        }
        for (int i = 0; i < spec.tls().size(); i++) {
            paths.putIfAbsent(rule(spec.tls().get(i)), "spec.tls[" + i + "]");
        }
        for (int i = 0; i < spec.tcp().size(); i++) {
            paths.putIfAbsent(rule(spec.tcp().get(i)), "spec.tcp[" + i + "]");
        }
        return paths;
    }

    private static String hash(List<?> match) {
        var crc = new CRC32();
        crc.update(match.toString().getBytes(StandardCharsets.UTF_8));
        return Long.toHexString(crc.getValue());
    }
}
