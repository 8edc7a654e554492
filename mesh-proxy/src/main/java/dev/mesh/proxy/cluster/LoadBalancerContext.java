package dev.mesh.proxy.cluster;

import java.util.random.RandomGenerator;

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

    /// How often to choose anew.
    int maxReselects();
}
