/// **status**: the only writer of `.status` of the mesh's kinds: what was found about an object, on the object itself
/// ([dev.mesh.pilot.status.Conditions], pure). One of the replicas writes ([dev.mesh.pilot.status.Leader]).
@NullMarked
package dev.mesh.pilot.status;

import org.jspecify.annotations.NullMarked;
