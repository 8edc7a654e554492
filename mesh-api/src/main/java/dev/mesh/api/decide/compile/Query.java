package dev.mesh.api.decide.compile;

import org.jspecify.annotations.Nullable;

/// Query parameters of a path.
final class Query {
    private Query() {}

    /// The first value of a parameter, as it came (Envoy decodes nothing to match it); null if it is absent. A
    /// parameter without `=` is empty.
    static @Nullable String value(String path, String name) {
        int at = path.indexOf('?');
        if (at < 0) {
            return null;
        }
        at++;
        while (at <= path.length()) {
            int amp = path.indexOf('&', at);
            int end = amp < 0 ? path.length() : amp;
            int equals = path.indexOf('=', at);
            int nameEnd = equals < 0 || equals > end ? end : equals;
            if (nameEnd - at == name.length() && path.startsWith(name, at)) {
                return nameEnd == end ? "" : path.substring(nameEnd + 1, end);
            }
            at = end + 1;
        }
        return null;
    }
}
