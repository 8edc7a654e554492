package dev.mesh.api.decide;

/// A compiled `envoy.config.route.v3.HeaderMatcher`. Immutable and thread-safe.
public interface HeaderMatch {
    /// Lower case.
    String name();

    /// Each value of a header that stands several times is matched on its own, and one that matches is enough;
    /// inverted, none may. Values are not joined: `user` and `admin` are not `user,admin` (Envoy since 1.39,
    /// CVE-2026-26308).
    boolean matches(HeaderValues headers);

    /// For people: `x-user exact "jason"`.
    String describe();
}
