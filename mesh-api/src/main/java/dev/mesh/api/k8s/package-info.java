/// **k8s**: the few core kinds of Kubernetes that a mesh is made of when it comes from a folder.
@NullMarked
package dev.mesh.api.k8s;

import org.jspecify.annotations.NullMarked;
