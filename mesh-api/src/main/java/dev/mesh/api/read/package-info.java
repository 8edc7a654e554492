/// **read**: YAML and JSON to objects, with a finding for whatever could not be understood.
@NullMarked
package dev.mesh.api.read;

import org.jspecify.annotations.NullMarked;
