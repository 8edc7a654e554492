/// **filters.router**: the last filter of every HTTP chain: does what the route says.
///
///     RouterFilter ─▶ UpstreamAttempt (one a try) ─▶ upstream.HttpPool
///          └ RetryState: whether a failed try is repeated
@NullMarked
package dev.mesh.proxy.filters.router;

import org.jspecify.annotations.NullMarked;
