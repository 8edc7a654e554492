/// **registry**: the one mutable place of the pilot: which objects are known now.
@NullMarked
package dev.mesh.pilot.registry;

import org.jspecify.annotations.NullMarked;
