package dev.mesh.proxy.filters.router;

import dev.mesh.api.decide.HeaderMutations;
import dev.mesh.proxy.filter.ConfigRejected;
import dev.mesh.proxy.format.Format;
import dev.mesh.proxy.format.Formats;
import dev.mesh.proxy.http.HeaderMap;
import dev.mesh.proxy.http.RequestHead;
import dev.mesh.proxy.stream.StreamInfo;
import java.util.concurrent.ConcurrentHashMap;

/// Applies header mutations. Pseudo headers of a request can be set, never removed.
final class Mutations {
    // Formats are compiled when they are first met; there are as many as the configuration has.
    private static final ConcurrentHashMap<String, Format> FORMATS = new ConcurrentHashMap<>();

    private Mutations() {}

    static void apply(HeaderMutations mutations, RequestHead head, StreamInfo info) {
        var steps = mutations.steps();
        for (int i = 0; i < steps.size(); i++) {
            var step = steps.get(i);
            if (step instanceof HeaderMutations.Add add
                    && (add.name().startsWith(":") || add.name().equals("host"))) {
                String value = value(add.format(), info);
                switch (add.name()) {
                    case ":path" -> head.path(value);
                    case ":method" -> head.method(value);
                    case ":authority", "host" -> head.authority(value);
                    default -> {}
                }
            } else {
                apply(step, head.headers(), info);
            }
        }
    }

    static void apply(HeaderMutations mutations, HeaderMap headers, StreamInfo info) {
        var steps = mutations.steps();
        for (int i = 0; i < steps.size(); i++) {
            apply(steps.get(i), headers, info);
        }
    }

    private static void apply(HeaderMutations.Step step, HeaderMap headers, StreamInfo info) {
        switch (step) {
            case HeaderMutations.Remove(String name) -> headers.remove(name);
            case HeaderMutations.Add add -> {
                String value = value(add.format(), info);
                if (value.isEmpty() && !add.keepEmpty()) {
                    if (add.append() == HeaderMutations.Append.OVERWRITE_IF_EXISTS_OR_ADD) {
                        headers.remove(add.name());
                    }
                    return;
                }
                switch (add.append()) {
                    case APPEND_IF_EXISTS_OR_ADD -> headers.add(add.name(), value);
                    case ADD_IF_ABSENT -> {
                        if (!headers.contains(add.name())) {
                            headers.add(add.name(), value);
                        }
                    }
                    case OVERWRITE_IF_EXISTS_OR_ADD -> headers.set(add.name(), value);
                    case OVERWRITE_IF_EXISTS -> {
                        if (headers.contains(add.name())) {
                            headers.set(add.name(), value);
                        }
                    }
                }
            }
        }
    }

    private static String value(String format, StreamInfo info) {
        if (format.indexOf('%') < 0) {
            return format;
        }
        return FORMATS.computeIfAbsent(format, Mutations::compile).headerValue(info);
    }

    private static Format compile(String format) {
        try {
            return Formats.compile(format);
        } catch (ConfigRejected e) {
            return Formats.literal(format);
        }
    }
}
