/// **local**: what a mesh on one machine adds to the model: the kind LocalProcess, and the loopback
/// addresses that stand in for interception.
@NullMarked
package dev.mesh.api.local;

import org.jspecify.annotations.NullMarked;
