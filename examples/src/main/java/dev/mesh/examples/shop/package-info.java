/// **shop**: sample services for the local mesh.
@NullMarked
package dev.mesh.examples.shop;

import org.jspecify.annotations.NullMarked;
