package dev.mesh.proxy.stats;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// All statistics of one proxy: the root scope. Any thread.
public final class StatsStore implements Scope {
    /// One statistic with its names.
    ///
    /// @param name dotted, tag values included
    /// @param family dotted, without tag values
    public record Entry(String name, String family, Map<String, String> tags, Object metric) {
        /// Whether it was ever counted, set, or recorded to.
        public boolean used() {
            return switch (metric) {
                case Counter counter -> counter.value() != 0;
                case Gauge gauge -> gauge.value() != 0;
                case BucketHistogram histogram -> histogram.used();
                default -> true;
            };
        }
    }

    private final Map<String, Entry> entries = new ConcurrentHashMap<>();
    private final Node root = new Node("", "", Map.of());

    @Override
    public Counter counter(String name) {
        return root.counter(name);
    }

    @Override
    public Gauge gauge(String name) {
        return root.gauge(name);
    }

    @Override
    public Histogram histogram(String name) {
        return root.histogram(name);
    }

    @Override
    public Scope child(String segment) {
        return root.child(segment);
    }

    @Override
    public Scope tagged(String segment, String tag, String value) {
        return root.tagged(segment, tag, value);
    }

    @Override
    public void remove() {
        entries.clear();
    }

    /// All statistics by name, in order.
    public List<Entry> all() {
        var all = new ArrayList<>(entries.values());
        all.sort(java.util.Comparator.comparing(Entry::name));
        return all;
    }

    /// Sets counters to zero and empties histograms.
    public void resetCounters() {
        for (Entry entry : entries.values()) {
            switch (entry.metric()) {
                case Counter counter -> counter.reset();
                case BucketHistogram histogram -> histogram.reset();
                default -> {}
            }
        }
    }

    /// Visits each statistic under its name.
    public void forEach(Consumer<Entry> action) {
        all().forEach(action);
    }

    private final class Node implements Scope {
        private final String prefix;
        private final String family;
        private final Map<String, String> tags;

        private Node(String prefix, String family, Map<String, String> tags) {
            this.prefix = prefix;
            this.family = family;
            this.tags = tags;
        }

        private Object metric(String name, java.util.function.Supplier<Object> maker) {
            return entries.computeIfAbsent(prefix + name, full -> new Entry(full, family + name, tags, maker.get()))
                    .metric();
        }

        @Override
        public Counter counter(String name) {
            return (Counter) metric(name, Counter::new);
        }

        @Override
        public Gauge gauge(String name) {
            return (Gauge) metric(name, Gauge::new);
        }

        @Override
        public Histogram histogram(String name) {
            return (Histogram) metric(name, BucketHistogram::new);
        }

        @Override
        public Scope child(String segment) {
            return new Node(prefix + segment + ".", family + segment + ".", tags);
        }

        @Override
        public Scope tagged(String segment, String tag, String value) {
            var more = new LinkedHashMap<>(tags);
            more.put(tag, value);
            return new Node(
                    prefix + segment + "." + value + ".",
                    family + segment + ".",
                    java.util.Collections.unmodifiableMap(more));
        }

        @Override
        public void remove() {
            entries.keySet().removeIf(name -> name.startsWith(prefix));
        }
    }

    /// The value of a counter or gauge by name, or null.
    public @Nullable Long value(String name) {
        Entry entry = entries.get(name);
        return switch (entry == null ? null : entry.metric()) {
            case Counter counter -> counter.value();
            case Gauge gauge -> gauge.value();
            case null, default -> null;
        };
    }
}
