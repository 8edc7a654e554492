package dev.mesh.api.networking;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Required;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Listeners at the edge (`networking.istio.io` Gateway).
///
/// @param selector labels of the gateway workloads
public record Gateway(List<Server> servers, Map<String, String> selector) implements Spec {

    /// @param hosts `host`, `namespace/host`, `./host` or `*/host`
    public record Server(
            @Required Port port,
            String bind,
            @Required List<String> hosts,
            @Nullable ServerTls tls,
            String defaultEndpoint,
            String name) {}
}
