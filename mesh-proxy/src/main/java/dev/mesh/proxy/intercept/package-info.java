/// **intercept**: the rules by which a pod's traffic comes to its proxy (`mesh-proxy iptables`): what they are is a
/// pure function of the flags, which are those of Istio's `istio-iptables`. A floor: knows no other room.
@NullMarked
package dev.mesh.proxy.intercept;

import org.jspecify.annotations.NullMarked;
