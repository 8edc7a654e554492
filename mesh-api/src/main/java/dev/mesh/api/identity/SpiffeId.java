package dev.mesh.api.identity;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Who a workload is: `spiffe://<trust domain>/ns/<namespace>/sa/<service account>` (SPIFFE-ID, and Istio's path in
/// it).
///
/// @param trustDomain lower-case letters, digits, `.`, `-`, `_`
/// @param namespace a DNS label
/// @param serviceAccount a DNS subdomain
public record SpiffeId(String trustDomain, String namespace, String serviceAccount) {
    private static final Pattern TRUST_DOMAIN = Pattern.compile("[a-z0-9._-]{1,255}");
    private static final Pattern LABEL = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
    private static final Pattern SUBDOMAIN = Pattern.compile("[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?");
    private static final Pattern URI = Pattern.compile("spiffe://([^/]*)/ns/([^/]*)/sa/([^/]*)");
    private static final Pattern USER = Pattern.compile("system:serviceaccount:([^:]*):([^:]*)");

    /// @throws IllegalArgumentException with a sentence, if a part is not of its form
    public SpiffeId {
        require(TRUST_DOMAIN, trustDomain, "trust domain", "lower-case letters, digits, dots and dashes");
        require(LABEL, namespace, "namespace", "a DNS label");
        require(SUBDOMAIN, serviceAccount, "service account", "a DNS subdomain");
    }

    private static void require(Pattern form, String value, String what, String expected) {
        if (!form.matcher(value).matches()) {
            throw new IllegalArgumentException(what + " \"" + value + "\" (expected: " + expected + ")");
        }
    }

    /// @throws IllegalArgumentException with a sentence, if it is not of this form
    public static SpiffeId parse(String uri) {
        Matcher matcher = URI.matcher(uri);
        if (!matcher.matches()) {
            throw new IllegalArgumentException(
                    "\"" + uri + "\" (expected: spiffe://<trust domain>/ns/<namespace>/sa/<service account>)");
        }
        return new SpiffeId(matcher.group(1), matcher.group(2), matcher.group(3));
    }

    /// The identity of a Kubernetes user name, `system:serviceaccount:<namespace>:<name>`.
    ///
    /// @throws IllegalArgumentException with a sentence, if it is no service account's
    public static SpiffeId ofUser(String trustDomain, String userName) {
        Matcher matcher = USER.matcher(userName);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("user \"" + userName
                    + "\" is no service account (expected: system:serviceaccount:<namespace>:<name>)");
        }
        return new SpiffeId(trustDomain, matcher.group(1), matcher.group(2));
    }

    /// The URI.
    @Override
    public String toString() {
        return "spiffe://" + trustDomain + "/ns/" + namespace + "/sa/" + serviceAccount;
    }
}
