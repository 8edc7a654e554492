package dev.mesh.pilot.generate;

import dev.mesh.pilot.model.ProxyNode;
import dev.mesh.pilot.push.PushContext;

/// `(PushContext, ProxyNode) -> ProxyView`. Pure and thread-safe; what equal inputs gave before is shared.
public interface Generators {
    ProxyView generate(PushContext push, ProxyNode node);

    /// The same when only the endpoints of some services changed since `previous` was generated for this
    /// node: everything but endpoints is taken from there.
    ProxyView endpointsOnly(PushContext push, ProxyNode node, ProxyView previous, java.util.Set<String> services);
}
