/// **extensions**: the records of Istio's extensions group.
@NullMarked
package dev.mesh.api.extensions;

import org.jspecify.annotations.NullMarked;
