/// The program's own log (not access logs): where it goes and how a line looks. Sees logback and nothing of mesh.
@NullMarked
package dev.mesh.proxy.logging;

import org.jspecify.annotations.NullMarked;
