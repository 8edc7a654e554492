/// **xds**: what both ends of an xDS stream must agree on: resource types and their order, node
/// metadata, names. Bytes and protocol handling live in the pilot's `serve` and the proxy's `xds`.
@NullMarked
package dev.mesh.api.xds;

import org.jspecify.annotations.NullMarked;
