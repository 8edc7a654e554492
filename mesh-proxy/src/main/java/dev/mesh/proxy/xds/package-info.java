/// **xds**: the client of an aggregated, incremental xDS stream: versions, nonces, ACK and NACK. Bytes, not
/// meaning: what a resource says is `load`'s business.
@NullMarked
package dev.mesh.proxy.xds;

import org.jspecify.annotations.NullMarked;
