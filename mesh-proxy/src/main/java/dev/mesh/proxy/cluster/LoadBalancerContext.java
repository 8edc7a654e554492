package dev.mesh.proxy.cluster;

import java.net.InetSocketAddress;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// What a load balancer may know of the request. Of itself it is the first try of one that has no hash.
public interface LoadBalancerContext {
    RandomGenerator random();

    default boolean hasHash() {
        return false;
    }

    /// The request's hash, if its route has hash policies that gave one.
    default long hash() {
        return 0;
    }

    /// From 0: which try of the request this is.
    default int attempt() {
        return 0;
    }

    /// Whether a host is to be chosen anew (it was tried already).
    default boolean shouldReselect(Host host) {
        return false;
    }

    /// Where the client was going, as far as a listener filter found out; else null.
    default @Nullable InetSocketAddress originalDestination() {
        return null;
    }

    /// A header of the request; null = it has none, or there is no request.
    default @Nullable String requestHeader(String name) {
        return null;
    }

    /// How often to choose anew.
    default int maxReselects() {
        return 0;
    }
}
