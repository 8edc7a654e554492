/// **cors**: answers preflight requests and tells browsers which origins may read a response
/// (`envoy.filters.http.cors`). Its policy stands on routes and virtual hosts.
@NullMarked
package dev.mesh.proxy.filters.cors;

import org.jspecify.annotations.NullMarked;
