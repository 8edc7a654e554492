package dev.mesh.pilot.model;

import dev.mesh.api.networking.ClientTls;
import dev.mesh.api.networking.DestinationRule;
import dev.mesh.api.networking.Gateway;
import dev.mesh.api.networking.ServerTls;
import dev.mesh.api.networking.TrafficPolicy;
import dev.mesh.api.object.Spec;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The credentials that objects name.
public final class NamedCredentials {
    private NamedCredentials() {}

    /// Names of the Secrets that an object names, and of those that may come instead of them; empty for kinds that name
    /// none.
    public static Set<String> of(Spec spec) {
        var names = new LinkedHashSet<String>();
        switch (spec) {
            case Gateway gateway ->
                gateway.servers().forEach(server -> {
                    if (server.tls() != null) {
                        written(server.tls()).forEach(written -> add(written, names));
                    }
                });
            case DestinationRule rule -> {
                policy(rule.trafficPolicy(), names);
                rule.subsets().forEach(subset -> policy(subset.trafficPolicy(), names));
            }
            default -> {}
        }
        return names;
    }

    private static void policy(@Nullable TrafficPolicy policy, Set<String> names) {
        if (policy != null) {
            tls(policy.tls(), names);
            policy.portLevelSettings().forEach(port -> tls(port.tls(), names));
        }
    }

    private static void tls(@Nullable ClientTls tls, Set<String> names) {
        if (tls != null && !tls.credentialName().isEmpty()) {
            add(tls.credentialName(), names);
        }
    }

    private static void add(String written, Set<String> names) {
        CredentialName name = CredentialName.of(written);
        names.add(name.name());
        names.add(name.authorities().name());
        names.add(name.plainName());
    }

    private static List<String> written(ServerTls tls) {
        var all = new LinkedHashSet<>(certificates(tls));
        if (!tls.caCertCredentialName().isEmpty()) {
            all.add(tls.caCertCredentialName());
        }
        return List.copyOf(all);
    }

    /// The credentials that a server shows, as written.
    public static List<String> certificates(ServerTls tls) {
        return tls.credentialNames().isEmpty()
                ? tls.credentialName().isEmpty() ? List.of() : List.of(tls.credentialName())
                : tls.credentialNames();
    }

    /// The name of what a server trusts its clients by; null if it asks for none, or trusts by files.
    public static @Nullable CredentialName authorities(ServerTls tls) {
        boolean asks = tls.mode() == ServerTls.Mode.MUTUAL || tls.mode() == ServerTls.Mode.OPTIONAL_MUTUAL;
        String written = !tls.caCertCredentialName().isEmpty()
                ? tls.caCertCredentialName()
                : certificates(tls).stream().findFirst().orElse("");
        return asks && !written.isEmpty() && tls.caCertificates().isEmpty()
                ? CredentialName.of(written).authorities()
                : null;
    }
}
