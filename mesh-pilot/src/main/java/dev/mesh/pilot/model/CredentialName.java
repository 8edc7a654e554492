package dev.mesh.pilot.model;

/// What `credentialName` says, and what a proxy asks for by it (Istio, `credentials.ToResourceName`).
///
/// @param resource name of the secret of SDS, such as `kubernetes://cert`
/// @param scheme what stands before `://` in it
/// @param namespace of the Secret; empty: that of the proxy
/// @param name of the Secret
public record CredentialName(String resource, String scheme, String namespace, String name) {
    /// After the name of a Secret: what is to be trusted, in a Secret of that name or in the one without it.
    public static final String AUTHORITIES = "-cacert";

    private static final String KUBERNETES = "kubernetes";
    private static final String GATEWAY = "kubernetes-gateway";

    /// @param written a name, `namespace/name`, or either after `kubernetes://`, or
    /// `kubernetes-gateway://namespace/name`
    public static CredentialName of(String written) {
        int end = written.indexOf("://");
        String scheme = end < 0 ? KUBERNETES : written.substring(0, end);
        String rest = end < 0 ? written : written.substring(end + 3);
        int slash = rest.indexOf('/');
        return new CredentialName(
                scheme + "://" + rest, scheme, slash < 0 ? "" : rest.substring(0, slash), rest.substring(slash + 1));
    }

    /// The name under which certificates to trust are asked for.
    public CredentialName authorities() {
        return name.endsWith(AUTHORITIES)
                ? this
                : new CredentialName(resource + AUTHORITIES, scheme, namespace, name + AUTHORITIES);
    }

    /// The Secret that may hold certificates to trust where there is none of this name.
    public String plainName() {
        return name.endsWith(AUTHORITIES) ? name.substring(0, name.length() - AUTHORITIES.length()) : name;
    }

    /// Whether it can be a Secret of Kubernetes.
    public boolean isKnown() {
        return (scheme.equals(KUBERNETES) || (isForGateway() && !namespace.isEmpty()))
                && !name.isEmpty()
                && name.indexOf('/') < 0;
    }

    /// Whether only a Gateway of the Secret's namespace may name it.
    public boolean isForGateway() {
        return scheme.equals(GATEWAY);
    }
}
