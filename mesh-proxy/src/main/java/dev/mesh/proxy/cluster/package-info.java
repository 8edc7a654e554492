/// **cluster**: upstream clusters: hosts, choice among them, circuit breakers, outlier detection, DNS; and hosts that
/// stand wherever a connection was going ([OriginalHosts]).
@NullMarked
package dev.mesh.proxy.cluster;

import org.jspecify.annotations.NullMarked;
