/// **kubeconfig**: how an API server is reached.
@NullMarked
package dev.mesh.pilot.kubeconfig;

import org.jspecify.annotations.NullMarked;
