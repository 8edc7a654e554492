/// **node**: the node agent (`mesh-proxy node-agent`): lays the rules of pods that may not do so themselves, called by
/// the CNI plugin `mesh-cni`, which it installs on its node. Which pods, and which rules, are pure functions.
@NullMarked
package dev.mesh.proxy.node;

import org.jspecify.annotations.NullMarked;
