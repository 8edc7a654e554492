/// **cluster**: a real Kubernetes for tests, the program that `./scripts/kube` builds: an API server alone, or a whole
/// cluster with nodes.
@NullMarked
package dev.mesh.e2e.cluster;

import org.jspecify.annotations.NullMarked;
