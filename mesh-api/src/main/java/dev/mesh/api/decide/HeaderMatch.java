package dev.mesh.api.decide;

import org.jspecify.annotations.Nullable;

/// A compiled `envoy.config.route.v3.HeaderMatcher`. Immutable and thread-safe.
public interface HeaderMatch {
    /// Lower case.
    String name();

    /// @param value joined with `,`, or null if the header is absent
    boolean matches(@Nullable String value);

    /// For people: `x-user exact "jason"`.
    String describe();
}
