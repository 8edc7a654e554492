/// **decide**: how a request is decided. Pure: no Netty, no I/O, no clock; randomness and host states
/// are parameters. mesh-proxy runs it for every request, mesh-pilot for diff and replay, meshctl offline.
///
///     Listener ──────────▶ ListenerTable ──(ConnectionView)──▶ filter chain
///     RouteConfiguration ▶ RouteTable ─────(RequestView)─────▶ Route + action
///
/// Tables are immutable and made by `decide.compile`, the only room of mesh-api that sees Envoy protos.
/// With a [dev.mesh.api.decide.Trace] the reasons are written down; without one, deciding allocates nothing.
@NullMarked
package dev.mesh.api.decide;

import org.jspecify.annotations.NullMarked;
