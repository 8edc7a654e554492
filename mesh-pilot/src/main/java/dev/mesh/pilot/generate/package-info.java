/// **generate**: turns a `PushContext` into xDS resources for one proxy.
///
///     PushContext ─┬─▶ clusters   ─▶ CDS
///     ProxyNode  ──┼─▶ endpoints  ─▶ EDS
///                  ├─▶ listeners  ─▶ LDS
///                  └─▶ routes     ─▶ RDS, VHDS
///
/// Pure: no clock, no I/O, no Spring, no Kubernetes client.
@NullMarked
package dev.mesh.pilot.generate;

import org.jspecify.annotations.NullMarked;
