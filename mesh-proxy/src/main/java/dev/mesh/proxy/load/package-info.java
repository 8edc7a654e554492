/// **load**: resources → what runs. Checks each, keeps the last good one, and activates make-before-break:
/// a cluster when its endpoints are known, a listener when its routes are, a route when its clusters are.
/// Everything here runs on one configuration thread.
///
///     xds or bootstrap ─▶ Loader (pushes) ─▶ Clusters  ─▶ LiveClusters
///                                         ├▶ Routes    ─▶ RouteSlot
///                                         └▶ Listeners ─▶ ListenerManager
@NullMarked
package dev.mesh.proxy.load;

import org.jspecify.annotations.NullMarked;
