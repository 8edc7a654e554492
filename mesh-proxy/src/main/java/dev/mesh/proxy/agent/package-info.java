/// **agent**: what a proxy needs to live in a pod by itself, and Istio's pilot-agent does beside Envoy: settings from
/// the environment ([dev.mesh.proxy.agent.PodReader]), health, probes, metrics, and the way to an orderly end.
///
///     environment, files ──PodReader──▶ PodSettings ─┬─▶ Envoy bootstrap
///                                                    ├─▶ identity
///                                                    └─▶ the pod's own HTTP endpoints
@NullMarked
package dev.mesh.proxy.agent;

import org.jspecify.annotations.NullMarked;
