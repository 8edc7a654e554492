/// **inject**: pod in, pod with a proxy out. Pure: no clock, no I/O, no Kubernetes client. Pods are JSON trees, so that
/// fields which this program does not know go through untouched. Istio's `pkg/kube/inject` is what it is held against.
@NullMarked
package dev.mesh.pilot.inject;

import org.jspecify.annotations.NullMarked;
