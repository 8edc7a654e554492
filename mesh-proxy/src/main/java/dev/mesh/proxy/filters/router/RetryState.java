package dev.mesh.proxy.filters.router;

import dev.mesh.api.decide.HeaderMatch;
import dev.mesh.api.decide.RouteAction;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.http.ResponseHead;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// Whether a try that failed is to be repeated: the route's policy, and what the request's `x-envoy-*` headers
/// add to it (Envoy, router filter). One request.
final class RetryState {
    /// How a try ended without a response.
    enum Failure {
        /// No connection could be made: no byte was sent.
        CONNECT,
        /// The upstream has not processed it.
        REFUSED,
        /// Ended before the response's head.
        RESET,
        /// The per-try timeout passed.
        TIMEOUT
    }

    private final Set<String> on;
    private final Set<Integer> codes;
    private final RouteAction.@Nullable RetryPolicy policy;
    private final Duration backoffBase;
    private final Duration backoffMax;
    private int left;
    private int done;

    private RetryState(Set<String> on, Set<Integer> codes, RouteAction.@Nullable RetryPolicy policy, int retries) {
        this.on = on;
        this.codes = codes;
        this.policy = policy;
        this.left = retries;
        this.backoffBase = policy == null ? Duration.ofMillis(25) : policy.backoffBase();
        this.backoffMax = policy == null ? Duration.ofMillis(250) : policy.backoffMax();
    }

    /// @return null if no failure would be retried
    static @Nullable RetryState of(RouteAction.@Nullable RetryPolicy policy, RequestHead request) {
        HeaderMap headers = request.headers();
        Set<String> on = policy == null ? Set.of() : policy.retryOn();
        Set<Integer> codes = policy == null ? Set.of() : policy.retriableStatusCodes();
        int retries = policy == null ? 1 : policy.numRetries();
        String httpOn = headers.get("x-envoy-retry-on");
        String grpcOn = headers.get("x-envoy-retry-grpc-on");
        if (httpOn != null || grpcOn != null) {
            on = new LinkedHashSet<>(on);
            addWords(on, httpOn);
            addWords(on, grpcOn);
        }
        String given = headers.get("x-envoy-retriable-status-codes");
        if (given != null) {
            codes = new HashSet<>(codes);
            for (String code : given.split(",", -1)) {
                if (code.strip().matches("[1-5][0-9][0-9]")) {
                    codes.add(Integer.valueOf(code.strip()));
                }
            }
        }
        String max = headers.get("x-envoy-max-retries");
        if (max != null && max.matches("[0-9]{1,4}")) {
            retries = Integer.parseInt(max);
        }
        if (on.isEmpty() || retries == 0) {
            return null;
        }
        if (policy != null && !policy.retriableRequestHeaders().isEmpty()) {
            boolean any = false;
            for (HeaderMatch match : policy.retriableRequestHeaders()) {
                any |= match.matches(headers);
            }
            if (!any) {
                return null;
            }
        }
        return new RetryState(on, codes, policy, retries);
    }

    private static void addWords(Set<String> on, @Nullable String list) {
        if (list != null) {
            for (String word : list.split(",", -1)) {
                on.add(word.strip());
            }
        }
    }

    boolean exhausted() {
        return left <= 0;
    }

    boolean wants(Failure failure) {
        return switch (failure) {
            case CONNECT ->
                has("connect-failure")
                        || has("5xx")
                        || has("gateway-error")
                        || has("reset")
                        || has("reset-before-request");
            case REFUSED -> has("refused-stream") || has("5xx") || has("reset");
            case RESET -> has("5xx") || has("gateway-error") || has("reset");
            case TIMEOUT -> has("5xx") || has("gateway-error") || has("reset");
        };
    }

    boolean wants(ResponseHead response) {
        int code = response.status();
        HeaderMap headers = response.headers();
        if (headers.contains("x-envoy-overloaded")) {
            return false;
        }
        if (has("5xx") && code >= 500) {
            return true;
        }
        if (has("gateway-error") && code >= 502 && code <= 504) {
            return true;
        }
        if (has("retriable-4xx") && code == 409) {
            return true;
        }
        if (has("envoy-ratelimited") && headers.contains("x-envoy-ratelimited")) {
            return true;
        }
        if (has("retriable-status-codes") && codes.contains(code)) {
            return true;
        }
        if (policy != null && has("retriable-headers")) {
            for (HeaderMatch match : policy.retriableHeaders()) {
                if (match.matches(headers)) {
                    return true;
                }
            }
        }
        String grpc = headers.get("grpc-status");
        return grpc != null
                && switch (grpc) {
                    case "1" -> has("cancelled");
                    case "4" -> has("deadline-exceeded");
                    case "8" -> has("resource-exhausted");
                    case "13" -> has("internal");
                    case "14" -> has("unavailable");
                    default -> false;
                };
    }

    private boolean has(String word) {
        return on.contains(word);
    }

    /// Takes one retry.
    ///
    /// @return how long to wait before it
    Duration next(RandomGenerator random) {
        left--;
        long base = backoffBase.toMillis() << Math.min(done, 20);
        done++;
        long bound = Math.max(1, Math.min(base, backoffMax.toMillis()));
        return Duration.ofMillis(random.nextLong(bound));
    }
}
