/// **config**: the running configuration: immutable records, published whole in one place.
@NullMarked
package dev.mesh.proxy.config;

import org.jspecify.annotations.NullMarked;
