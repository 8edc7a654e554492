package dev.mesh.proxy.admin;

import dev.mesh.api.proto.istio.nds.NameTable;
import dev.mesh.proxy.listener.ListenerManager;
import dev.mesh.proxy.load.Loader;
import dev.mesh.proxy.stats.StatsStore;
import dev.mesh.proxy.tls.Secrets;
import io.envoyproxy.envoy.config.bootstrap.v3.Bootstrap;
import org.jspecify.annotations.Nullable;

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

    /// The names of the mesh that DNS questions are answered for; null if none are, or none have come.
    @Nullable
    NameTable names();

    long uptimeSeconds();

    /// @param graceful whether listeners go on accepting for the drain time, and only tell their connections to end
    /// @param inboundOnly whether only listeners for inbound traffic are meant
    /// @param stay whether listeners are not closed when the drain time is over
    void drain(boolean graceful, boolean inboundOnly, boolean stay);

    /// @param failed whether `/ready` is to say that the proxy drains, and connections are told to end
    void failHealthCheck(boolean failed);

    void quit();
}
