/// **meshctl**: the composition root of the command line.
@NullMarked
package dev.mesh.cli;

import org.jspecify.annotations.NullMarked;
