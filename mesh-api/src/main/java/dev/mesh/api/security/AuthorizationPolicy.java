package dev.mesh.api.security;

import dev.mesh.api.networking.Selector;
import dev.mesh.api.networking.TargetRef;
import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Required;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Who may do what (`security.istio.io` AuthorizationPolicy).
///
/// @param rules any of them; an ALLOW policy without rules lets nothing through
/// @param provider only with action CUSTOM
public record AuthorizationPolicy(
        @Nullable Selector selector,
        @Nullable TargetRef targetRef,
        List<TargetRef> targetRefs,
        List<Rule> rules,
        Action action,
        @Nullable Provider provider)
        implements Spec {

    public enum Action {
        ALLOW,
        DENY,
        AUDIT,
        CUSTOM
    }

    public record Provider(String name) {}

    public record Rule(List<From> from, List<To> to, List<Condition> when) {}

    public record From(@Nullable Source source) {}

    public record Source(
            List<String> principals,
            List<String> notPrincipals,
            List<String> requestPrincipals,
            List<String> notRequestPrincipals,
            List<String> namespaces,
            List<String> notNamespaces,
            List<String> ipBlocks,
            List<String> notIpBlocks,
            List<String> remoteIpBlocks,
            List<String> notRemoteIpBlocks,
            List<String> serviceAccounts,
            List<String> notServiceAccounts,
            List<String> trustDomains,
            List<String> notTrustDomains) {}

    public record To(@Nullable Operation operation) {}

    public record Operation(
            List<String> hosts,
            List<String> notHosts,
            List<String> ports,
            List<String> notPorts,
            List<String> methods,
            List<String> notMethods,
            List<String> paths,
            List<String> notPaths) {}

    public record Condition(@Required String key, List<String> values, List<String> notValues) {}
}
