/// **hcm**: the HTTP connection manager: takes a connection, finds out which HTTP it speaks, and runs each
/// request through the chain of HTTP filters.
///
///     HttpConnectionManagerFactory ─bind─▶ ConnectionManager ─install─▶ codec + HttpConnection ─▶ ActiveStream
@NullMarked
package dev.mesh.proxy.hcm;

import org.jspecify.annotations.NullMarked;
