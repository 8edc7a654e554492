package dev.mesh.api.decide;

import java.util.ArrayDeque;

/// One canonical path for routing, access rules and upstreams (Envoy, "HTTP path normalization"): escaped
/// slashes, then dot segments (RFC 3986 5.2.4), then doubled slashes.
public final class PathNormalizer {
    private PathNormalizer() {}

    /// What `%2f` and `%5c` become.
    public enum EscapedSlashes {
        KEEP,
        REJECT,
        /// The client is sent to the unescaped path.
        REDIRECT,
        UNESCAPE
    }

    /// @param dotSegments also turns `\` into `/`, and upper-cases nothing
    public record Rules(EscapedSlashes escapedSlashes, boolean dotSegments, boolean mergeSlashes) {}

    /// What became of a path.
    public sealed interface Result {
        record Path(String path) implements Result {}

        record Redirect(String path) implements Result {}

        record Rejected() implements Result {}
    }

    /// @param path with query, which is left as it is
    public static Result normalize(String path, Rules rules) {
        int query = path.indexOf('?');
        String plain = query < 0 ? path : path.substring(0, query);
        if (!needsWork(plain)) {
            return new Result.Path(path);
        }
        String rest = query < 0 ? "" : path.substring(query);
        boolean unescaped = false;
        if (rules.escapedSlashes != EscapedSlashes.KEEP && hasEscapedSlash(plain)) {
            if (rules.escapedSlashes == EscapedSlashes.REJECT) {
                return new Result.Rejected();
            }
            plain = unescapeSlashes(plain);
            unescaped = true;
        }
        if (rules.dotSegments) {
            if (plain.contains("%00")) {
                return new Result.Rejected();
            }
            plain = removeDotSegments(unescapeUnreserved(plain));
        }
        if (rules.mergeSlashes) {
            plain = mergeSlashes(plain);
        }
        String whole = plain + rest;
        return unescaped && rules.escapedSlashes == EscapedSlashes.REDIRECT
                ? new Result.Redirect(whole)
                : new Result.Path(whole);
    }

    private static boolean needsWork(String path) {
        char before = 0;
        for (int i = 0; i < path.length(); i++) {
            char c = path.charAt(i);
            if (c == '%' || c == '\\' || (before == '/' && (c == '/' || c == '.'))) {
                return true;
            }
            before = c;
        }
        return false;
    }

    private static boolean hasEscapedSlash(String path) {
        for (int i = path.indexOf('%'); i >= 0; i = path.indexOf('%', i + 1)) {
            if (escaped(path, i) != 0) {
                return true;
            }
        }
        return false;
    }

    // The slash that the escape at `i` stands for, or 0.
    private static char escaped(String path, int i) {
        if (i + 2 >= path.length()) {
            return 0;
        }
        char high = path.charAt(i + 1);
        char low = Character.toLowerCase(path.charAt(i + 2));
        if (high == '2' && low == 'f') {
            return '/';
        }
        return high == '5' && low == 'c' ? '\\' : 0;
    }

    private static String unescapeSlashes(String path) {
        var out = new StringBuilder(path.length());
        for (int i = 0; i < path.length(); i++) {
            char slash = path.charAt(i) == '%' ? escaped(path, i) : 0;
            if (slash != 0) {
                out.append(slash);
                i += 2;
            } else {
                out.append(path.charAt(i));
            }
        }
        return out.toString();
    }

    private static String removeDotSegments(String path) {
        String slashed = path.replace('\\', '/');
        if (!slashed.startsWith("/")) {
            return slashed;
        }
        var kept = new ArrayDeque<String>();
        String[] segments = slashed.substring(1).split("/", -1);
        for (int i = 0; i < segments.length; i++) {
            // Parameters of a dot segment do not hide it.
            String plain = segments[i].startsWith("..;") ? ".." : segments[i].startsWith(".;") ? "." : segments[i];
            boolean last = i == segments.length - 1;
            if (plain.equals(".")) {
                if (last) {
                    kept.addLast("");
                }
            } else if (plain.equals("..")) {
                kept.pollLast();
                if (last) {
                    kept.addLast("");
                }
            } else {
                kept.addLast(segments[i]);
            }
        }
        return "/" + String.join("/", kept);
    }

    // What an escape of an unreserved character stands for is the same path (RFC 3986 6.2.2.2).
    private static String unescapeUnreserved(String path) {
        if (path.indexOf('%') < 0) {
            return path;
        }
        var out = new StringBuilder(path.length());
        for (int i = 0; i < path.length(); i++) {
            char c = path.charAt(i);
            int high = c == '%' && i + 2 < path.length() ? Character.digit(path.charAt(i + 1), 16) : -1;
            int low = high >= 0 ? Character.digit(path.charAt(i + 2), 16) : -1;
            int plain = low >= 0 ? high << 4 | low : -1;
            boolean unreserved = (plain >= 'a' && plain <= 'z')
                    || (plain >= 'A' && plain <= 'Z')
                    || (plain >= '0' && plain <= '9')
                    || plain == '-'
                    || plain == '.'
                    || plain == '_'
                    || plain == '~';
            if (unreserved) {
                out.append((char) plain);
                i += 2;
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }

    private static String mergeSlashes(String path) {
        var out = new StringBuilder(path.length());
        for (int i = 0; i < path.length(); i++) {
            char c = path.charAt(i);
            if (c != '/' || i == 0 || path.charAt(i - 1) != '/') {
                out.append(c);
            }
        }
        return out.toString();
    }
}
