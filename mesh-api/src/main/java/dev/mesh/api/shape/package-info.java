/// **shape**: how records are described for reading, writing and schemas. Knows nothing of YAML.
///
/// A record is an object with one field per component, under the component's name. A sealed interface is a
/// choice: each variant is a record with one component, whose name is the field that picks it.
@NullMarked
package dev.mesh.api.shape;

import org.jspecify.annotations.NullMarked;
