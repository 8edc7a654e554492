package dev.mesh.proxy.hcm;

import dev.mesh.api.decide.RouteAction;
import dev.mesh.proxy.http.RequestHead;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// How long a request with its response may last (`max_stream_duration` of the route or of the connection
/// manager, or what a gRPC client asks for where the route lets it).
final class StreamDuration {
    private StreamDuration() {}

    /// @param otherwise the connection manager's; zero = without a limit
    /// @return nanoseconds; 0 = without a limit
    static long nanos(RouteAction.@Nullable Forward forward, RequestHead head, Duration otherwise) {
        var own = forward == null ? null : forward.maxStreamDuration();
        if (own == null) {
            return otherwise.toNanos();
        }
        Duration cap = own.grpcTimeoutHeaderMax();
        if (cap != null) {
            long asked = grpcTimeout(head.headers().get("grpc-timeout"));
            if (asked >= 0) {
                long granted = cap.isPositive() ? Math.min(asked, cap.toNanos()) : asked;
                Duration offset = own.grpcTimeoutHeaderOffset();
                if (offset != null && offset.toNanos() < granted) {
                    granted -= offset.toNanos();
                }
                return granted;
            }
        }
        Duration max = own.max();
        return (max == null ? otherwise : max).toNanos();
    }

    /// The value of `grpc-timeout`: up to eight digits and a unit (gRPC over HTTP/2, "Timeout").
    ///
    /// @return nanoseconds, -1 if there is none or it says nothing
    static long grpcTimeout(@Nullable String value) {
        if (value == null || value.length() < 2 || value.length() > 9) {
            return -1;
        }
        long amount = 0;
        for (int i = 0; i < value.length() - 1; i++) {
            int digit = value.charAt(i) - '0';
            if (digit < 0 || digit > 9) {
                return -1;
            }
            amount = amount * 10 + digit;
        }
        return switch (value.charAt(value.length() - 1)) {
            case 'H' -> TimeUnit.HOURS.toNanos(amount);
            case 'M' -> TimeUnit.MINUTES.toNanos(amount);
            case 'S' -> TimeUnit.SECONDS.toNanos(amount);
            case 'm' -> TimeUnit.MILLISECONDS.toNanos(amount);
            case 'u' -> TimeUnit.MICROSECONDS.toNanos(amount);
            case 'n' -> amount;
            default -> -1;
        };
    }
}
