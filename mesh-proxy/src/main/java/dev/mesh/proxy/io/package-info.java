/// **io**: event loops, the choice of transport, buffer rules. A floor: knows no other room.
@NullMarked
package dev.mesh.proxy.io;

import org.jspecify.annotations.NullMarked;
