/// **listener**: sockets: bind, accept, restore the original destination, hand over, find the filter chain, drain.
@NullMarked
package dev.mesh.proxy.listener;

import org.jspecify.annotations.NullMarked;
