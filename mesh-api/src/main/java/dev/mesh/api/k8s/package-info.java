/// **k8s**: the few core kinds of Kubernetes that a mesh is made of, with the fields that a mesh looks at.
@NullMarked
package dev.mesh.api.k8s;

import org.jspecify.annotations.NullMarked;
