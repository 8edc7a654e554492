/// **meshconfig**: the settings of a whole mesh (Istio's MeshConfig).
@NullMarked
package dev.mesh.api.meshconfig;

import org.jspecify.annotations.NullMarked;
