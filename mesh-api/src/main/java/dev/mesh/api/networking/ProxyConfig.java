package dev.mesh.api.networking;

import dev.mesh.api.object.Spec;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Settings of the proxies themselves (`networking.istio.io` ProxyConfig).
public record ProxyConfig(
        @Nullable Selector selector,
        @Nullable Integer concurrency,
        Map<String, String> environmentVariables,
        @Nullable Image image)
        implements Spec {

    public record Image(String imageType) {}
}
