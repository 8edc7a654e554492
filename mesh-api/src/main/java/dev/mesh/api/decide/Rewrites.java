package dev.mesh.api.decide;

import dev.mesh.api.decide.RouteAction.PathRewrite;
import org.jspecify.annotations.Nullable;

/// Paths and URLs as actions change them. Pure.
public final class Rewrites {
    private Rewrites() {}

    /// The path that goes upstream.
    ///
    /// @param path with query; the query is kept but by [PathRewrite.Full]
    public static String path(Route route, @Nullable PathRewrite rewrite, String path) {
        if (rewrite == null) {
            return path;
        }
        int query = path.indexOf('?');
        String plain = query < 0 ? path : path.substring(0, query);
        String rest = query < 0 ? "" : path.substring(query);
        return switch (rewrite) {
            case PathRewrite.Prefix(String prefix) ->
                prefix + plain.substring(Math.min(route.match().rewrittenLength(plain), plain.length())) + rest;
            case PathRewrite.Full(String whole) -> whole;
            case PathRewrite.Regex(var pattern, String substitution) ->
                pattern.matcher(plain).replaceAll(toJavaSubstitution(substitution)) + rest;
        };
    }

    // RE2's `\1` is re2j's `$1`; a `$` stands for itself.
    static String toJavaSubstitution(String re2) {
        var out = new StringBuilder(re2.length());
        for (int i = 0; i < re2.length(); i++) {
            char c = re2.charAt(i);
            if (c == '$') {
                out.append("\\$");
            } else if (c == '\\' && i + 1 < re2.length() && Character.isDigit(re2.charAt(i + 1))) {
                out.append('$').append(re2.charAt(++i));
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }

    /// Where a redirect sends the client (Envoy, `RedirectAction`): a port that it names is always said; the
    /// request's is kept unless the scheme changes and it is the old scheme's own; a path begins with a slash even
    /// if the redirect's does not.
    public static String location(Route route, RouteAction.Redirect redirect, RequestView request) {
        String scheme = redirect.scheme().isEmpty() ? request.scheme() : redirect.scheme();
        String authority = redirect.host().isEmpty() ? request.authority() : redirect.host();
        if (redirect.port() != 0) {
            authority = withoutPort(authority) + ":" + redirect.port();
        } else if (!redirect.scheme().isEmpty() && !redirect.scheme().equals(request.scheme())) {
            String old = request.scheme().equals("https") ? ":443" : ":80";
            if (redirect.host().isEmpty() && authority.endsWith(old)) {
                authority = withoutPort(authority);
            }
        }
        String path = request.path();
        if (redirect.stripQuery()) {
            int query = path.indexOf('?');
            path = query < 0 ? path : path.substring(0, query);
        }
        if (redirect.path() instanceof PathRewrite.Full(String whole)) {
            int query = path.indexOf('?');
            path = whole + (query < 0 || whole.indexOf('?') >= 0 ? "" : path.substring(query));
        } else {
            path = path(route, redirect.path(), path);
        }
        return scheme + "://" + authority + (path.startsWith("/") ? "" : "/") + path;
    }

    private static String withoutPort(String authority) {
        int colon = authority.lastIndexOf(':');
        return colon > 0 && colon > authority.lastIndexOf(']') ? authority.substring(0, colon) : authority;
    }
}
