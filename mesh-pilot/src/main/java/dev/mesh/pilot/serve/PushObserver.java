package dev.mesh.pilot.serve;

import dev.mesh.api.xds.XdsType;
import java.time.Duration;

/// Hears what streams do; on their threads, so it must not block.
public interface PushObserver {
    /// Hears nothing.
    PushObserver NONE = new PushObserver() {};

    /// @param bytes of the response
    default void sent(XdsType type, int bytes) {}

    /// A proxy refused a response.
    default void rejected(XdsType type) {}

    /// A push was sent to one proxy.
    ///
    /// @param since its oldest change was seen
    default void converged(Duration since) {}
}
