/// **serve**: ADS: one stream for each proxy, versions, nonces, ACK and NACK.
///
///     AdsService ─▶ AdsStream (a PushTarget) ─▶ DeltaSession ─▶ DeltaDiscoveryResponse
@NullMarked
package dev.mesh.pilot.serve;

import org.jspecify.annotations.NullMarked;
