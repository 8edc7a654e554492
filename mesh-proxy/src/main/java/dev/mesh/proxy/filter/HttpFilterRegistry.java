package dev.mesh.proxy.filter;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The HTTP filters that this proxy knows, by type URL. Built once, at start.
public final class HttpFilterRegistry {
    private final Map<String, HttpFilterFactory> byTypeUrl;

    public HttpFilterRegistry(List<HttpFilterFactory> factories) {
        var map = new LinkedHashMap<String, HttpFilterFactory>();
        for (var factory : factories) {
            if (map.putIfAbsent(factory.typeUrl(), factory) != null) {
                throw new IllegalArgumentException("two HTTP filters for " + factory.typeUrl());
            }
        }
        byTypeUrl = Collections.unmodifiableMap(map);
    }

    public @Nullable HttpFilterFactory find(String typeUrl) {
        return byTypeUrl.get(typeUrl);
    }

    /// The filter whose per-route configuration has this type.
    public @Nullable HttpFilterFactory findPerRoute(String typeUrl) {
        for (var factory : byTypeUrl.values()) {
            if (typeUrl.equals(factory.perRouteTypeUrl())) {
                return factory;
            }
        }
        return null;
    }

    public Set<String> known() {
        return byTypeUrl.keySet();
    }
}
