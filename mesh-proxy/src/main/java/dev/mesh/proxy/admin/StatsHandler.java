package dev.mesh.proxy.admin;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import dev.mesh.proxy.admin.AdminHandlers.Reply;
import dev.mesh.proxy.stats.Counter;
import dev.mesh.proxy.stats.Gauge;
import dev.mesh.proxy.stats.Histogram;
import dev.mesh.proxy.stats.StatsStore;
import dev.mesh.proxy.stats.StatsText;
import java.util.Map;
import java.util.function.Predicate;

/// `/stats` in its forms.
final class StatsHandler {
    private final AdminView view;

    StatsHandler(AdminView view) {
        this.view = view;
    }

    /// @param query `format`, `filter` (RE2, found anywhere), `usedonly`, `type`
    Reply stats(Map<String, String> query) {
        String format = query.getOrDefault("format", "text");
        Predicate<StatsStore.Entry> wanted;
        try {
            wanted = wanted(query);
        } catch (PatternSyntaxException e) {
            return Reply.wrong("Invalid re2 regex: " + e.getDescription());
        } catch (IllegalArgumentException e) {
            return Reply.wrong(String.valueOf(e.getMessage()));
        }
        return switch (format) {
            case "prometheus" -> prometheus(query);
            case "json" -> {
                var all = new JsonArray();
                view.stats().forEach(entry -> {
                    if (wanted.test(entry)) {
                        var one = new JsonObject();
                        one.addProperty("name", entry.name());
                        switch (entry.metric()) {
                            case Counter counter -> one.addProperty("value", counter.value());
                            case Gauge gauge -> one.addProperty("value", gauge.value());
                            default -> {
                                return;
                            }
                        }
                        all.add(one);
                    }
                });
                StatsText.histograms(view.stats(), wanted).ifPresent(all::add);
                var root = new JsonObject();
                root.add("stats", all);
                yield Reply.json(root.toString());
            }
            case "text" -> Reply.text(StatsText.plain(view.stats(), wanted));
            default -> Reply.wrong("usage: /stats?format=(json|prometheus|text)");
        };
    }

    /// The same for Prometheus.
    Reply prometheus(Map<String, String> query) {
        try {
            return new Reply(
                    200, "text/plain; version=0.0.4; charset=utf-8", StatsText.prometheus(view.stats(), wanted(query)));
        } catch (PatternSyntaxException e) {
            return Reply.wrong("Invalid re2 regex: " + e.getDescription());
        } catch (IllegalArgumentException e) {
            return Reply.wrong(String.valueOf(e.getMessage()));
        }
    }

    private static Predicate<StatsStore.Entry> wanted(Map<String, String> query) {
        boolean used = query.containsKey("usedonly");
        String filter = query.get("filter");
        Pattern pattern = filter == null ? null : Pattern.compile(filter);
        Predicate<StatsStore.Entry> type = type(query.getOrDefault("type", "All"));
        return entry -> (!used || entry.used())
                && type.test(entry)
                && (pattern == null || pattern.matcher(entry.name()).find());
    }

    private static Predicate<StatsStore.Entry> type(String type) {
        return switch (type) {
            case "All" -> entry -> true;
            case "Counters" -> entry -> entry.metric() instanceof Counter;
            case "Gauges" -> entry -> entry.metric() instanceof Gauge;
            case "Histograms" -> entry -> entry.metric() instanceof Histogram;
            case "TextReadouts" -> entry -> false;
            default ->
                throw new IllegalArgumentException(
                        "invalid &type= param (expected: All, Counters, Gauges, Histograms or TextReadouts)");
        };
    }
}
