/// **meta**: names that both sides of the wire, and the YAML, agree on.
@NullMarked
package dev.mesh.api.meta;

import org.jspecify.annotations.NullMarked;
