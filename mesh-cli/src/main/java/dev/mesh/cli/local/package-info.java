/// **local**: a whole mesh on one machine, from a folder.
///
///     folder ─▶ LocalPlan (pure) ─▶ Supervisor ─▶ mesh-pilot
///                                              ├▶ mesh-proxy: the edge gateway
///                                              ├▶ mesh-proxy: every sidecar, in one process
///                                              └▶ the applications that LocalProcess objects name
@NullMarked
package dev.mesh.cli.local;

import org.jspecify.annotations.NullMarked;
