package dev.mesh.proxy.cluster;

import dev.mesh.api.decide.RouteAction.Priority;
import dev.mesh.proxy.stats.Scope;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// A live cluster. Any thread.
public interface Cluster {
    String name();

    ClusterSpec spec();

    /// Chooses among the hosts that may take traffic, by the cluster's load balancing policy.
    ///
    /// @return null if there is none
    @Nullable
    Host choose(LoadBalancerContext context);

    /// Whether a request is not to be sent on, because the control plane wants less load (`drop_overloads`).
    boolean drops(RandomGenerator random);

    /// All hosts, healthy or not.
    List<Host> hosts();

    /// What outlier detection found in its last interval; null without one.
    @Nullable
    SuccessRates successRates();

    /// The same of connecting, where that counts apart.
    @Nullable
    SuccessRates localOriginSuccessRates();

    CircuitBreaker circuitBreaker(Priority priority);

    /// `cluster.<name>.`
    Scope scope();

    /// The statistics that requests count on.
    ClusterStats stats();

    /// False once the cluster was replaced or removed: pools to its hosts are drained then.
    boolean live();
}
