package dev.mesh.pilot.generate;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.mesh.api.xds.XdsType;
import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.model.ServiceInfo;
import dev.mesh.pilot.push.PushContext;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;

/// Everything for one proxy. Thread-safe; what equal inputs gave before is kept and shared.
public final class ConfigGenerators implements Generators {
    private static final long KEPT = 200_000;

    private final Cache<Record, Object> made =
            Caffeine.newBuilder().maximumSize(KEPT).build();
    private final ResourceCache cache = this::keep;

    // The kind of the input record decides the kind of the result: one function is used for each.
    @SuppressWarnings("unchecked")
    private <I extends Record, R> R keep(I input, Function<I, R> make) {
        return (R) made.get(input, any -> make.apply(input));
    }

    @Override
    public ProxyView generate(PushContext push, ProxyNode node) {
        var view = new ViewBuilder(push, node, cache);
        switch (node.type()) {
            case SIDECAR -> SidecarView.build(view);
            case ROUTER -> GatewayView.build(view);
            case PROXYLESS -> ProxylessView.build(view);
        }
        return view.view();
    }

    @Override
    public ProxyView endpointsOnly(PushContext push, ProxyNode node, ProxyView previous, Set<String> services) {
        var view = new ViewBuilder(push, node, cache);
        // Each workload of a headless service has a listener of its own.
        if (node.intercepts()
                && services.stream()
                        .map(host -> push.services().get(host))
                        .anyMatch(service -> service != null && service.headless())) {
            return generate(push, node);
        }
        for (String host : services) {
            ServiceInfo service = push.services().get(host);
            if (service != null && view.isReachable(service)) {
                view.clusters(service);
            }
        }
        var fresh = view.view().of(XdsType.ENDPOINT);
        var endpoints = new TreeMap<>(previous.of(XdsType.ENDPOINT));
        boolean changed = false;
        for (var entry : fresh.entrySet()) {
            Resource before = endpoints.get(entry.getKey());
            if (before != null && !before.version().equals(entry.getValue().version())) {
                endpoints.put(entry.getKey(), entry.getValue());
                changed = true;
            }
        }
        if (!changed) {
            return previous;
        }
        Map<XdsType, SortedMap<String, Resource>> all = new EnumMap<>(XdsType.class);
        all.putAll(previous.resources());
        all.put(XdsType.ENDPOINT, endpoints);
        return ProxyView.of(all, previous.leftOut(), previous.findings());
    }
}
