/// **boot**: the composition root. Start at [dev.mesh.proxy.boot.ProxyProcess]: read from top to bottom it is
/// the path of a byte.
@NullMarked
package dev.mesh.proxy.boot;

import org.jspecify.annotations.NullMarked;
