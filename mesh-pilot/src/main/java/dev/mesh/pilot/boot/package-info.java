/// **boot**: the composition root. [Pilot] is a pilot on any source, [MeshServers] what it serves on Kubernetes beside
/// loopback, [PilotMain] the command line.
@NullMarked
package dev.mesh.pilot.boot;

import org.jspecify.annotations.NullMarked;
