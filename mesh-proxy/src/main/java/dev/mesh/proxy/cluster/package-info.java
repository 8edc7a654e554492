/// **cluster**: upstream clusters: hosts, choice among them, circuit breakers, outlier detection, DNS.
@NullMarked
package dev.mesh.proxy.cluster;

import org.jspecify.annotations.NullMarked;
