package dev.mesh.pilot.push;

import dev.mesh.api.finding.ResourceRef;
import dev.mesh.api.k8s.Secret;
import dev.mesh.api.object.MeshObject;
import dev.mesh.pilot.model.Credential;
import dev.mesh.pilot.model.CredentialName;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// What Secrets hold for TLS.
///
/// @param byName by `namespace/name`
public record Credentials(Map<String, Credential> byName) {
    public static final Credentials NONE = new Credentials(Map.of());

    public Credentials {
        byName = Map.copyOf(byName);
    }

    /// @param objects others are passed over
    static Credentials of(Iterable<MeshObject> objects) {
        var found = new TreeMap<String, Credential>();
        for (MeshObject object : objects) {
            if (object.spec() instanceof Secret secret) {
                Credential credential = credential(object.ref(), secret);
                if (credential != null) {
                    found.put(object.ref().namespace() + "/" + object.ref().name(), credential);
                }
            }
        }
        return found.isEmpty() ? NONE : new Credentials(found);
    }

    private static @Nullable Credential credential(ResourceRef ref, Secret secret) {
        int pair = secret.pair();
        int authorities = secret.authorities();
        if (pair < 0 && authorities < 0) {
            return null;
        }
        return new Credential(
                ref,
                pair < 0 ? "" : text(secret, Secret.CHAINS.get(pair)),
                pair < 0 ? "" : text(secret, Secret.KEYS.get(pair)),
                authorities < 0 ? "" : text(secret, Secret.AUTHORITIES.get(authorities)),
                authorities < 0 ? "" : text(secret, Secret.REVOCATIONS.get(authorities)));
    }

    private static String text(Secret secret, String key) {
        byte[] bytes = secret.bytes(key);
        return bytes == null ? "" : new String(bytes, StandardCharsets.UTF_8);
    }

    /// The certificate and key that a name means to a proxy of `namespace`; null if there are none.
    public @Nullable Credential pair(CredentialName name, String namespace) {
        Credential found = byName.get(in(name, namespace) + "/" + name.name());
        return found == null || found.chain().isEmpty() ? null : found;
    }

    /// The certificates to trust: of the Secret of that very name, else of the one without the suffix; null if there
    /// are none.
    public @Nullable Credential authorities(CredentialName name, String namespace) {
        String in = in(name, namespace);
        Credential found = byName.get(in + "/" + name.name());
        if (found == null) {
            found = byName.get(in + "/" + name.plainName());
        }
        return found == null || found.authorities().isEmpty() ? null : found;
    }

    private static String in(CredentialName name, String namespace) {
        return name.namespace().isEmpty() ? namespace : name.namespace();
    }

    /// Whether a Secret of that name is there in any namespace that the name can mean.
    boolean hasAny(CredentialName name) {
        return name.namespace().isEmpty()
                ? byName.keySet().stream().anyMatch(key -> key.endsWith("/" + name.name()))
                : byName.containsKey(name.namespace() + "/" + name.name());
    }
}
