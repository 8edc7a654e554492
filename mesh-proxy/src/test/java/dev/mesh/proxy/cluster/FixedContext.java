package dev.mesh.proxy.cluster;

import java.util.random.RandomGenerator;

/// A first try of a request that has no hash.
record FixedContext(RandomGenerator random) implements LoadBalancerContext {
    @Override
    public boolean hasHash() {
        return false;
    }

    @Override
    public long hash() {
        return 0;
    }

    @Override
    public int attempt() {
        return 0;
    }

    @Override
    public boolean shouldReselect(Host host) {
        return false;
    }

    @Override
    public int maxReselects() {
        return 0;
    }
}
