package dev.mesh.proxy.cluster;

import java.util.random.RandomGenerator;

/// A first try of a request that has no hash.
record FixedContext(RandomGenerator random) implements LoadBalancerContext {}
