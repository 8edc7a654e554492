/// **listener**: sockets: bind, accept, find the filter chain, drain.
@NullMarked
package dev.mesh.proxy.listener;

import org.jspecify.annotations.NullMarked;
