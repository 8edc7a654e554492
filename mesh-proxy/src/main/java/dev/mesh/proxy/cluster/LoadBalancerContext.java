package dev.mesh.proxy.cluster;

import java.net.InetSocketAddress;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// What a load balancer may know of the request.
public interface LoadBalancerContext {
    RandomGenerator random();

    boolean hasHash();

    /// The request's hash, if its route has hash policies that gave one.
    long hash();

    /// From 0: which try of the request this is.
    int attempt();

    /// Whether a host is to be chosen anew (it was tried already).
    boolean shouldReselect(Host host);

    /// Where the client was going, as far as a listener filter found out; else null.
    default @Nullable InetSocketAddress originalDestination() {
        return null;
    }

    /// A header of the request; null = it has none, or there is no request.
    default @Nullable String requestHeader(String name) {
        return null;
    }

    /// How often to choose anew.
    int maxReselects();
}
