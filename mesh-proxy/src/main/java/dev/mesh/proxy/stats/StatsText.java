package dev.mesh.proxy.stats;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;

/// Statistics as text: Envoy's `/stats` and the Prometheus exposition format.
public final class StatsText {
    private static final double[] QUANTILES = {0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100};

    private StatsText() {}

    /// `name: value` lines.
    public static String plain(StatsStore store, Predicate<StatsStore.Entry> wanted) {
        var out = new StringBuilder();
        store.forEach(entry -> {
            if (!wanted.test(entry)) {
                return;
            }
            switch (entry.metric()) {
                case Counter counter ->
                    out.append(entry.name())
                            .append(": ")
                            .append(counter.value())
                            .append('\n');
                case Gauge gauge ->
                    out.append(entry.name()).append(": ").append(gauge.value()).append('\n');
                case BucketHistogram histogram ->
                    out.append(entry.name())
                            .append(": ")
                            .append(quantiles(histogram))
                            .append('\n');
                default -> {}
            }
        });
        return out.toString();
    }

    /// The last element of `/stats?format=json`: histograms by quantiles. They are kept since the start, so both values
    /// of
    /// each are the same; null where nothing was recorded.
    public static Optional<JsonObject> histograms(StatsStore store, Predicate<StatsStore.Entry> wanted) {
        var computed = new JsonArray();
        store.forEach(entry -> {
            if (wanted.test(entry) && entry.metric() instanceof BucketHistogram histogram) {
                var one = new JsonObject();
                one.addProperty("name", entry.name());
                one.add("values", values(histogram));
                computed.add(one);
            }
        });
        if (computed.isEmpty()) {
            return Optional.empty();
        }
        var supported = new JsonArray();
        for (double quantile : QUANTILES) {
            supported.add(quantile);
        }
        var inner = new JsonObject();
        inner.add("supported_quantiles", supported);
        inner.add("computed_quantiles", computed);
        var outer = new JsonObject();
        outer.add("histograms", inner);
        return Optional.of(outer);
    }

    private static JsonArray values(BucketHistogram histogram) {
        long[] counts = histogram.snapshot();
        long total = Arrays.stream(counts).sum();
        var values = new JsonArray();
        for (double quantile : QUANTILES) {
            Double value = total == 0 ? null : at(counts, total, quantile);
            var one = new JsonObject();
            one.addProperty("interval", value);
            one.addProperty("cumulative", value);
            values.add(one);
        }
        return values;
    }

    private static String quantiles(BucketHistogram histogram) {
        long[] counts = histogram.snapshot();
        long total = 0;
        for (long count : counts) {
            total += count;
        }
        if (total == 0) {
            return "No recorded values";
        }
        var out = new StringBuilder();
        for (double quantile : QUANTILES) {
            out.append(out.isEmpty() ? "" : " ")
                    .append('P')
                    .append(number(quantile))
                    .append('(')
                    .append(number(at(counts, total, quantile)))
                    .append(')');
        }
        return out.toString();
    }

    // The upper bound of the bucket that the quantile falls into.
    private static double at(long[] counts, long total, double quantile) {
        double rank = Math.max(1, Math.ceil(total * quantile / 100));
        long seen = 0;
        for (int i = 0; i < counts.length; i++) {
            seen += counts[i];
            if (seen >= rank) {
                return BucketHistogram.BOUNDS[Math.min(i, BucketHistogram.BOUNDS.length - 1)];
            }
        }
        return BucketHistogram.BOUNDS[BucketHistogram.BOUNDS.length - 1];
    }

    /// Prometheus text format 0.0.4.
    public static String prometheus(StatsStore store, Predicate<StatsStore.Entry> wanted) {
        Map<String, java.util.ArrayList<StatsStore.Entry>> families = new TreeMap<>();
        store.forEach(entry -> {
            if (wanted.test(entry)) {
                families.computeIfAbsent(name(entry.family()), any -> new java.util.ArrayList<>())
                        .add(entry);
            }
        });
        var out = new StringBuilder();
        families.forEach((name, entries) -> family(out, name, entries));
        return out.toString();
    }

    private static void family(StringBuilder out, String name, List<StatsStore.Entry> entries) {
        String type = switch (entries.getFirst().metric()) {
            case Counter ignored -> "counter";
            case Gauge ignored -> "gauge";
            default -> "histogram";
        };
        out.append("# TYPE ").append(name).append(' ').append(type).append('\n');
        for (var entry : entries) {
            String labels = labels(entry.tags());
            switch (entry.metric()) {
                case Counter counter -> line(out, name, labels, counter.value());
                case Gauge gauge -> line(out, name, labels, gauge.value());
                case BucketHistogram histogram -> {
                    long[] counts = histogram.snapshot();
                    long total = 0;
                    String comma = labels.isEmpty() ? "" : ",";
                    for (int i = 0; i < BucketHistogram.BOUNDS.length; i++) {
                        total += counts[i];
                        line(
                                out,
                                name + "_bucket",
                                labels + comma + "le=\"" + number(BucketHistogram.BOUNDS[i]) + "\"",
                                total);
                    }
                    total += counts[counts.length - 1];
                    line(out, name + "_bucket", labels + comma + "le=\"+Inf\"", total);
                    line(out, name + "_sum", labels, histogram.sum());
                    line(out, name + "_count", labels, total);
                }
                default -> {}
            }
        }
    }

    private static void line(StringBuilder out, String name, String labels, long value) {
        out.append(name);
        out.append('{').append(labels).append('}');
        out.append(' ').append(value).append('\n');
    }

    private static String name(String family) {
        var out = new StringBuilder("envoy_");
        for (int i = 0; i < family.length(); i++) {
            char c = family.charAt(i);
            boolean fine = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == ':';
            out.append(fine ? c : '_');
        }
        return out.toString();
    }

    private static String labels(Map<String, String> tags) {
        var out = new StringBuilder();
        tags.forEach((tag, value) -> out.append(out.isEmpty() ? "" : ",")
                .append(tag)
                .append("=\"")
                .append(value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n"))
                .append('"'));
        return out.toString();
    }

    private static String number(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : String.format(Locale.ROOT, "%s", value);
    }
}
