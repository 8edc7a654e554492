/// **model**: the mesh in the pilot's own words, where Istio's records are not enough. Records only.
@NullMarked
package dev.mesh.pilot.model;

import org.jspecify.annotations.NullMarked;
