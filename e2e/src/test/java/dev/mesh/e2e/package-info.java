/// **e2e**: the programs as processes, from the jars that were built, on loopback.
@NullMarked
package dev.mesh.e2e;

import org.jspecify.annotations.NullMarked;
