package dev.mesh.proxy.http;

/// The head of a request, whatever version it came in: what HTTP/2 calls pseudo headers are fields, and
/// headers that concern one connection only (Connection, Keep-Alive, Transfer-Encoding, Upgrade, ...) are
/// taken out by the codec, which keeps what they say in fields. Mutable, for one event loop.
public final class RequestHead {
    private String method;
    private String scheme;
    private String authority;
    private String path;
    private final Protocol protocol;
    private String upgrade = "";
    private final HeaderMap headers;

    /// @param scheme empty if the codec cannot know (HTTP/1 origin form)
    /// @param path with query; empty for CONNECT
    public RequestHead(
            String method, String scheme, String authority, String path, Protocol protocol, HeaderMap headers) {
        this.method = method;
        this.scheme = scheme;
        this.authority = authority;
        this.path = path;
        this.protocol = protocol;
        this.headers = headers;
    }

    public String method() {
        return method;
    }

    public void method(String to) {
        method = to;
    }

    public String scheme() {
        return scheme;
    }

    public void scheme(String to) {
        scheme = to;
    }

    public String authority() {
        return authority;
    }

    public void authority(String to) {
        authority = to;
    }

    public String path() {
        return path;
    }

    public void path(String to) {
        path = to;
    }

    /// Of the connection that it came on.
    public Protocol protocol() {
        return protocol;
    }

    /// What the client wants to upgrade to (HTTP/1 `Upgrade` named by `Connection`, or HTTP/2 extended
    /// CONNECT's `:protocol`), in lower case; empty if nothing.
    public String upgrade() {
        return upgrade;
    }

    public void upgrade(String to) {
        upgrade = to;
    }

    public HeaderMap headers() {
        return headers;
    }
}
