/// **validate**: what a value may be, beyond its type: ranges, regular expressions, names, and fields that exclude
/// each other. Judges one object by itself; what shows only between objects is the pilot's to say.
///
///     MeshObject ─▶ Validator ─▶ findings: `spec.http[0].route[1].weight: -1 (expected: 0 or more)`
@NullMarked
package dev.mesh.api.validate;

import org.jspecify.annotations.NullMarked;
