/// **intercept**: the rules by which a pod's traffic comes to its proxy (`mesh-proxy iptables`): what they are is a
/// pure function of the flags, which are those of Istio's `istio-iptables`. For its own network namespace, or for
/// another's ([dev.mesh.proxy.intercept.NamespaceInterception], for the room `node`).
@NullMarked
package dev.mesh.proxy.intercept;

import org.jspecify.annotations.NullMarked;
