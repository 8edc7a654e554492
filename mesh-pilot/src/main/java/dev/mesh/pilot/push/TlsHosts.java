package dev.mesh.pilot.push;

import dev.mesh.api.finding.Finding;
import dev.mesh.api.networking.Gateway;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Who has which server name of one port that TLS ends on. Envoy refuses a listener of which two filter chains are for
/// one name, so a server that asks for one that an earlier server has is left out as a whole (Istio, `MergeGateways`).
/// Not thread-safe.
public final class TlsHosts {
    private static final String ALL = "*";

    private final Map<String, Claim> claims = new HashMap<>();

    /// @param path of the server
    private record Claim(PushContext.Rule<Gateway> gateway, String path) {}

    /// The server names that a server is for, without namespaces, each once; empty: all that no other is for.
    public static List<String> serverNames(Gateway.Server server) {
        var names = new LinkedHashSet<String>();
        server.hosts().forEach(host -> names.add(name(host)));
        return names.contains(ALL) ? List.of() : List.copyOf(names);
    }

    private static String name(String host) {
        return host.substring(host.indexOf('/') + 1);
    }

    /// Claims all names of a server.
    ///
    /// @param index of the server in its Gateway
    /// @return null if it has them now; else it has none, and this says to which server the first of them belongs
    public @Nullable Finding claim(PushContext.Rule<Gateway> gateway, int index) {
        Gateway.Server server = gateway.spec().servers().get(index);
        String path = "spec.servers[" + index + "]";
        List<String> names = serverNames(server);
        List<String> claimed = names.isEmpty() ? List.of(ALL) : names;
        for (String name : claimed) {
            Claim other = claims.get(name);
            if (other != null) {
                int host = server.hosts().stream().map(TlsHosts::name).toList().indexOf(name);
                return Remarks.remark(
                        gateway.object(),
                        Finding.Code.CONFLICTING_HOST,
                        path + ".hosts[" + host + "]",
                        name + " has a TLS server on port " + server.port().number() + " already: "
                                + (other.gateway.object() == gateway.object()
                                        ? ""
                                        : other.gateway.object().ref() + " ")
                                + other.path + ", which is used; this server does not listen (expected: a host of one"
                                + " server)");
            }
        }
        claimed.forEach(name -> claims.put(name, new Claim(gateway, path)));
        return null;
    }

    /// Claims one name for a rule of a server that passes TLS on.
    ///
    /// @return whether nobody has had it
    public boolean claim(PushContext.Rule<Gateway> gateway, int index, String name) {
        return claims.putIfAbsent(name, new Claim(gateway, "spec.servers[" + index + "]")) == null;
    }
}
