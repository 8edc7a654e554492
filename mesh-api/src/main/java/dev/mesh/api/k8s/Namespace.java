package dev.mesh.api.k8s;

import dev.mesh.api.object.Spec;
import dev.mesh.api.shape.Unused;

/// A Kubernetes Namespace; what matters stands in its labels.
@Unused("finalizers")
public record Namespace() implements Spec {}
