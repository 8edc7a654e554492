/// **object**: what every object that a user wrote has, whatever its kind: name, labels, and where it stands.
@NullMarked
package dev.mesh.api.object;

import org.jspecify.annotations.NullMarked;
