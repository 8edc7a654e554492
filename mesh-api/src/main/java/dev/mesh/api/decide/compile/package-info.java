/// **decide.compile**: Envoy's listener and route protos → the tables of `decide`. Gathers every reason
/// why a resource cannot be used (each is a NACK line), and never ignores a field that narrows a match.
@NullMarked
package dev.mesh.api.decide.compile;

import org.jspecify.annotations.NullMarked;
