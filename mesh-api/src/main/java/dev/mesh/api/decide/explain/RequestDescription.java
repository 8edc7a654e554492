package dev.mesh.api.decide.explain;

import dev.mesh.api.decide.ConnectionView;
import dev.mesh.api.decide.RequestView;
import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A request as a person describes it.
///
/// @param scheme `http`, `https` or `tcp`
/// @param host of the URL; empty if it had none
/// @param port of the URL, or its scheme's; 0 if neither says
/// @param headers lower-case name → values
/// @param listener to start at; empty: found by the URL
/// @param inbound whether the proxy's way in is meant
public record RequestDescription(
        String method,
        String scheme,
        String host,
        int port,
        String authority,
        String path,
        Map<String, List<String>> headers,
        String listener,
        boolean inbound,
        String source) {

    /// @param url absolute, or a path
    /// @param authority over the URL's; empty: the URL's
    /// @param headers `name: value` each
    /// @param source `ip` of the peer; empty: loopback
    /// @throws IllegalArgumentException with a sentence for the person
    public static RequestDescription of(
            String method,
            String url,
            String authority,
            List<String> headers,
            String listener,
            boolean inbound,
            String source) {
        URI uri;
        try {
            uri = new URI(url.contains("://") || url.startsWith("/") ? url : "http://" + url);
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException(
                    "URL \"" + url + "\": " + e.getReason() + " (expected: http://host:port/path)", e);
        }
        String scheme = uri.getScheme() == null ? "http" : uri.getScheme().toLowerCase(Locale.ROOT);
        if (!List.of("http", "https", "tcp").contains(scheme)) {
            throw new IllegalArgumentException(
                    "URL \"" + url + "\": scheme " + scheme + " (expected: http, https or tcp)");
        }
        String host = uri.getHost() == null ? "" : uri.getHost();
        int given = uri.getPort();
        if (host.isEmpty() && uri.getRawAuthority() != null) {
            // Names that URIs do not know, such as ones with an underscore.
            String both = uri.getRawAuthority();
            int colon = both.lastIndexOf(':');
            boolean hasPort = colon >= 0 && both.substring(colon + 1).matches("[0-9]{1,9}");
            host = hasPort ? both.substring(0, colon) : both;
            given = hasPort ? Integer.parseInt(both.substring(colon + 1)) : -1;
        }
        if (host.isEmpty() && !url.startsWith("/") || host.contains(":") && !host.startsWith("[")) {
            throw new IllegalArgumentException("URL \"" + url + "\": no host (expected: http://host:port/path)");
        }
        if (given > 65535) {
            throw new IllegalArgumentException("URL \"" + url + "\": port " + given + " (expected: 1-65535)");
        }
        int port = given > 0 ? given : host.isEmpty() || scheme.equals("tcp") ? 0 : scheme.equals("https") ? 443 : 80;
        var byName = new LinkedHashMap<String, List<String>>();
        for (String header : headers) {
            int colon = header.indexOf(':', 1);
            if (colon < 1) {
                throw new IllegalArgumentException("header \"" + header + "\" (expected: \"name: value\")");
            }
            byName.computeIfAbsent(header.substring(0, colon).trim().toLowerCase(Locale.ROOT), any -> new ArrayList<>())
                    .add(header.substring(colon + 1).trim());
        }
        String named = authority;
        if (named.isEmpty()) {
            named = byName.containsKey("host") ? byName.get("host").getFirst() : given > 0 ? host + ":" + given : host;
        }
        String path = uri.getRawPath() == null || uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
        return new RequestDescription(
                method.isEmpty() ? "GET" : method,
                scheme,
                host,
                port,
                named,
                uri.getRawQuery() == null ? path : path + "?" + uri.getRawQuery(),
                byName,
                listener,
                inbound,
                source);
    }

    /// One line.
    @Override
    public String toString() {
        return scheme.equals("tcp") ? "tcp " + host + ":" + port : method + " " + scheme + "://" + authority + path;
    }

    /// The connection that the request would come by.
    public ConnectionView connection(InetAddress destination, int destinationPort) {
        return new Connection(this, destination, destinationPort, address(source));
    }

    private static InetAddress address(String literal) {
        return literal.isEmpty() ? InetAddress.getLoopbackAddress() : InetAddress.ofLiteral(literal);
    }

    /// What deciding sees of the request.
    ///
    /// @param path as it is after normalisation
    public RequestView view(String path, ConnectionView connection) {
        return new View(this, path, connection);
    }

    private record Connection(
            RequestDescription request, InetAddress destinationAddress, int destinationPort, InetAddress sourceAddress)
            implements ConnectionView {
        @Override
        public int sourcePort() {
            return 0;
        }

        @Override
        public InetAddress directSourceAddress() {
            return sourceAddress;
        }

        @Override
        public String serverName() {
            return request.scheme.equals("https") ? request.host.toLowerCase(Locale.ROOT) : "";
        }

        @Override
        public String transportProtocol() {
            return request.scheme.equals("https") ? "tls" : "raw_buffer";
        }

        @Override
        public List<String> applicationProtocols() {
            return switch (request.scheme) {
                case "https" -> List.of("h2", "http/1.1");
                case "http" -> List.of("http/1.1");
                default -> List.of();
            };
        }

        @Override
        public @Nullable String peerPrincipal() {
            return null;
        }
    }

    private record View(RequestDescription request, String path, ConnectionView connection) implements RequestView {
        @Override
        public String method() {
            return request.method;
        }

        @Override
        public String scheme() {
            return request.scheme;
        }

        @Override
        public String authority() {
            return request.authority;
        }

        @Override
        public @Nullable String header(String name) {
            return switch (name) {
                case ":method" -> request.method;
                case ":authority", "host" -> request.authority;
                case ":path" -> path;
                case ":scheme" -> request.scheme;
                default -> {
                    var values = request.headers.get(name);
                    yield values == null ? null : String.join(",", values);
                }
            };
        }

        @Override
        public int headerCount(String name) {
            return name.startsWith(":") || name.equals("host")
                    ? 1
                    : request.headers.getOrDefault(name, List.of()).size();
        }

        @Override
        public String headerAt(String name, int index) {
            String pseudo = name.startsWith(":") || name.equals("host") ? header(name) : null;
            return pseudo == null
                    ? request.headers.getOrDefault(name, List.of()).get(index)
                    : pseudo;
        }
    }
}
