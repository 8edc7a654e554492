package dev.mesh.api.decide;

import dev.mesh.api.decide.RouteAction.HashPolicy;
import java.util.List;
import java.util.OptionalLong;

/// The hash of a request by a route's policies: each that gives one is combined as `rotl(hash, 1) ^ new`.
public final class RequestHash {
    private RequestHash() {}

    /// Empty if no policy gives a hash. A cookie that is not there gives none.
    public static OptionalLong of(List<HashPolicy> policies, RequestView request) {
        boolean any = false;
        long hash = 0;
        for (HashPolicy policy : policies) {
            String input = input(policy, request);
            if (input != null) {
                long next = XxHash64.hash(input, 0);
                hash = any ? Long.rotateLeft(hash, 1) ^ next : next;
                any = true;
                if (policy.terminal()) {
                    break;
                }
            }
        }
        return any ? OptionalLong.of(hash) : OptionalLong.empty();
    }

    private static @org.jspecify.annotations.Nullable String input(HashPolicy policy, RequestView request) {
        return switch (policy) {
            case HashPolicy.Header header -> {
                String value = request.header(header.name());
                yield value == null || header.pattern() == null
                        ? value
                        : header.pattern()
                                .matcher(value)
                                .replaceAll(Rewrites.toJavaSubstitution(header.substitution()));
            }
            case HashPolicy.Cookie cookie -> cookie(request.header("cookie"), cookie.name());
            case HashPolicy.SourceIp ignored ->
                request.connection().sourceAddress().getHostAddress();
            case HashPolicy.QueryParameter(String name, boolean ignored) -> query(request.path(), name);
        };
    }

    private static @org.jspecify.annotations.Nullable String cookie(
            @org.jspecify.annotations.Nullable String header, String name) {
        if (header == null) {
            return null;
        }
        for (String pair : header.split(";", -1)) {
            int equals = pair.indexOf('=');
            if (equals > 0 && pair.substring(0, equals).strip().equals(name)) {
                return pair.substring(equals + 1).strip();
            }
        }
        return null;
    }

    private static @org.jspecify.annotations.Nullable String query(String path, String name) {
        int at = path.indexOf('?');
        while (at >= 0) {
            int start = at + 1;
            at = path.indexOf('&', start);
            String pair = at < 0 ? path.substring(start) : path.substring(start, at);
            int equals = pair.indexOf('=');
            if ((equals < 0 ? pair : pair.substring(0, equals)).equals(name)) {
                return equals < 0 ? "" : pair.substring(equals + 1);
            }
        }
        return null;
    }
}
