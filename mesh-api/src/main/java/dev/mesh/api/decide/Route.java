package dev.mesh.api.decide;

import com.google.protobuf.Any;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One entry of a virtual host: a match and what follows from it. Immutable.
///
/// @param name from the configuration; may be empty
/// @param match whether a request takes this route
/// @param requestHeaders mutations of this route, to be applied before the virtual host's and then the
///     route configuration's unless `most_specific_header_mutations_wins`; here already in the order to apply
/// @param responseHeaders the same, for the response
/// @param perFilterConfig filter name → config, merged: the route's stands over the virtual host's over
///     the route configuration's
/// @param statPrefix of the route, or empty
/// @param decoratorOperation or empty
/// @param provenance the object it came from, or null if the configuration does not say
public record Route(
        String name,
        RouteMatch match,
        RouteAction action,
        HeaderMutations requestHeaders,
        HeaderMutations responseHeaders,
        Map<String, Any> perFilterConfig,
        String statPrefix,
        String decoratorOperation,
        @Nullable Provenance provenance) {}
