package dev.mesh.proxy.admin;

import dev.mesh.proxy.listener.ListenerManager;
import dev.mesh.proxy.load.Loader;
import dev.mesh.proxy.stats.StatsStore;
import dev.mesh.proxy.tls.Secrets;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;

/// What the admin endpoint may see of a proxy, and do to it.
public interface AdminView {
    /// Envoy's server states.
    enum State {
        LIVE,
        DRAINING,
        PRE_INITIALIZING,
        INITIALIZING
    }

    Bootstrap bootstrap();

    StatsStore stats();

    Loader loader();

    ListenerManager listeners();

    State state();

    /// What the configuration may name as secrets.
    Secrets secrets();

    /// The push that is in effect, or empty.
    String pushId();

    long uptimeSeconds();

    /// @param graceful whether listeners go on accepting, and only tell their connections to end
    /// @param inboundOnly whether only listeners for inbound traffic are meant
    void drain(boolean graceful, boolean inboundOnly);

    /// @param failed whether `/ready` is to say that the proxy drains, whatever else it does
    void failHealthCheck(boolean failed);

    void quit();
}
