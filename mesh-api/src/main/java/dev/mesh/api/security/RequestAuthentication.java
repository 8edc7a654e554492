package dev.mesh.api.security;

import dev.mesh.api.networking.Selector;
import dev.mesh.api.networking.TargetRef;
import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Alias;
import dev.mesh.api.shape.Required;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Which JSON web tokens are accepted (`security.istio.io` RequestAuthentication).
public record RequestAuthentication(
        @Nullable Selector selector, @Nullable TargetRef targetRef, List<TargetRef> targetRefs, List<JwtRule> jwtRules)
        implements Spec {

    public record JwtRule(
            String issuer,
            List<String> audiences,
            @Alias("jwks_uri") String jwksUri,
            String jwks,
            List<JwtHeader> fromHeaders,
            List<String> fromParams,
            List<String> fromCookies,
            String outputPayloadToHeader,
            boolean forwardOriginalToken,
            List<ClaimToHeader> outputClaimToHeaders,
            @Nullable Duration timeout,
            List<String> spaceDelimitedClaims,
            Presence presence) {}

    public record JwtHeader(@Required String name, String prefix) {}

    public record ClaimToHeader(
            @Required String header, @Required String claim) {}

    public enum Presence {
        OPTIONAL,
        REQUIRED
    }
}
