package dev.mesh.proxy.dns;

import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;

/// What is counted, under the names of Istio's agent where it counts the same. Any thread.
final class DnsStats {
    private static final double[] BOUNDS = {0.001, 0.005, 0.01, 0.1, 1, 5}; // seconds, Istio's

    final LongAdder requests = new LongAdder();
    final LongAdder forwarded = new LongAdder();
    final LongAdder failures = new LongAdder();
    /// Packets that were no queries, and dropped.
    final LongAdder malformed = new LongAdder();
    /// Queries that were refused because too many were under way.
    final LongAdder overflow = new LongAdder();

    private final AtomicLongArray durations = new AtomicLongArray(BOUNDS.length + 1);
    private final LongAdder nanos = new LongAdder();

    void forwardedFor(long duration) {
        int bucket = 0;
        while (bucket < BOUNDS.length && duration > BOUNDS[bucket] * TimeUnit.SECONDS.toNanos(1)) {
            bucket++;
        }
        durations.incrementAndGet(bucket);
        nanos.add(duration);
    }

    /// In Prometheus' text format.
    ///
    /// @param names that are known
    String text(int names) {
        var text = new StringBuilder();
        counter(text, "dns_requests_total", requests);
        counter(text, "dns_upstream_requests_total", forwarded);
        counter(text, "dns_upstream_failures_total", failures);
        counter(text, "dns_malformed_total", malformed);
        counter(text, "dns_overflow_total", overflow);
        text.append("# TYPE istio_agent_dns_names gauge\nistio_agent_dns_names ")
                .append(names)
                .append('\n');
        String name = "istio_agent_dns_upstream_request_duration_seconds";
        text.append("# TYPE ").append(name).append(" histogram\n");
        long sum = 0;
        for (int i = 0; i <= BOUNDS.length; i++) {
            sum += durations.get(i);
            text.append(name)
                    .append("_bucket{le=\"")
                    .append(i == BOUNDS.length ? "+Inf" : Double.toString(BOUNDS[i]))
                    .append("\"} ")
                    .append(sum)
                    .append('\n');
        }
        text.append(String.format(Locale.ROOT, "%s_sum %.6f\n%s_count %d\n", name, nanos.sum() / 1e9, name, sum));
        return text.toString();
    }

    private static void counter(StringBuilder text, String name, LongAdder value) {
        text.append("# TYPE istio_agent_").append(name).append(" counter\nistio_agent_");
        text.append(name).append(' ').append(value.sum()).append('\n');
    }
}
