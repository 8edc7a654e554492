package dev.mesh.api.decide;

import java.util.random.RandomGenerator;

/// A compiled `envoy.config.route.v3.RouteMatch`. Immutable, thread-safe, allocation-free.
public interface RouteMatch {
    boolean matches(RequestView request, RandomGenerator random);

    /// Why [#matches] would say what it says, in words with what came and what was expected. Allocates.
    String explain(RequestView request);

    /// For people: `prefix /cart, header x-user exact "jason"`.
    String describe();

    /// Longest path prefix that the match fixes, and the way a path is rewritten after it: the part of the
    /// path that `prefix_rewrite` replaces. For a match without a path prefix, the whole path.
    ///
    /// @return number of chars at the start of `path` (query not included) that a prefix rewrite replaces
    int rewrittenLength(String path);
}
