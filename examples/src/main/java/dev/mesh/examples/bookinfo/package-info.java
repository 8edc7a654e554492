/// **bookinfo**: stand-ins for the workloads of Istio's samples Bookinfo, tcp-echo and helloworld, so that their
/// routing tasks can be followed on a local mesh.
///
///     browser ─▶ productpage ─▶ details
///                     └───────▶ reviews v1 (no stars), v2 (black), v3 (red) ─▶ ratings
///
/// They call each other by Bookinfo's names and ports, and hand on `end-user` and the headers of tracing.
@NullMarked
package dev.mesh.examples.bookinfo;

import org.jspecify.annotations.NullMarked;
