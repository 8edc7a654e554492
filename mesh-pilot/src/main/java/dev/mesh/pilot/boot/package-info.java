/// **boot**: the composition root.
@NullMarked
package dev.mesh.pilot.boot;

import org.jspecify.annotations.NullMarked;
