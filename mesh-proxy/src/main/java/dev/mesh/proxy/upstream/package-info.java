/// **upstream**: connections to one host, and pools of them per event loop.
@NullMarked
package dev.mesh.proxy.upstream;

import org.jspecify.annotations.NullMarked;
